"""Which nodes of a network form loops, whatever the nodes are."""

from collections.abc import Collection

Edge = tuple[str, str]


def neighbours(nodes: Collection[str], edges: Collection[Edge]) -> dict[str, list[str]]:
    """For each node those to which an edge leads."""
    found: dict[str, list[str]] = {n: [] for n in nodes}
    for a, b in edges:
        found[a].append(b)
    return found


def components(nodes: Collection[str], edges: Collection[Edge]) -> list[list[str]]:
    """Return the strongly connected components, sources first, each in the order of `nodes`.

    Source: Tarjan, SIAM Journal on Computing 1:146 (1972); without recursion.
    """
    targets = neighbours(nodes, edges)
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    open_: set[str] = set()
    found: list[list[str]] = []
    place = {n: i for i, n in enumerate(nodes)}
    for root in nodes:
        work = [(root, iter(targets[root]))] if root not in number else []
        while work:
            name, rest = work[-1]
            if name not in number:
                number[name] = lowest[name] = len(number)
                stack.append(name)
                open_.add(name)
            for target in rest:
                if target not in number:
                    work.append((target, iter(targets[target])))
                    break
                if target in open_:
                    lowest[name] = min(lowest[name], number[target])
            else:
                work.pop()
                if work:
                    lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[name])
                if lowest[name] == number[name]:
                    part = stack[stack.index(name) :]
                    del stack[-len(part) :]
                    open_ -= set(part)
                    found.append(sorted(part, key=place.__getitem__))
    return found[::-1]
