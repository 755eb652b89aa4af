"""Other people's readers: the table in docs/readers.md is of the networks that the command defines."""

import pytest

from benchmarks.peers import environment
from benchmarks.readers import DOCS, MARKS, NETWORKS, REQUIREMENTS, compare, exported
from lavalier.simulate import run
from lavalier.simulate.errors import NotAvailable
from lavalier.simulate.graph import SPIKING

# it runs a graph depth first, whatever the file says: no order of edges is right for two paths
FAULTS_OF_READERS = {("two paths side by side", "Norse")}


def documented() -> list[list[str]]:
    """The rows of the table, cell by cell."""
    text = DOCS.read_text().split(MARKS[0])[1].split(MARKS[1])[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


def test_the_table_has_every_network():
    assert [row[0] for row in documented()] == [network.title for network in NETWORKS]


@pytest.mark.parametrize("network, row", [*zip(NETWORKS, documented(), strict=True)], ids=lambda x: x[0])
def test_every_network_is_exported_as_the_table_says_and_fires(network, row):
    graph, x = exported(network)
    kinds = [type(node).__name__ for node in graph.nodes.values()]
    assert {f"{kinds.count(k)} {k}" for k in {*kinds} - {"Input", "Output"}} == set(row[1].split(", "))
    spiking = [name for name, node in graph.nodes.items() if isinstance(node, SPIKING)]
    for name, spikes in run(graph, x, record=spiking).spikes.items():
        assert 0.02 < spikes.mean() < 0.8, name


@pytest.fixture(scope="module")
def rows():
    try:
        python = environment(REQUIREMENTS)
    except NotAvailable as error:
        pytest.skip(str(error))
    return compare(python)[0]


@pytest.mark.slow
def test_the_table_is_what_the_readers_do(rows):
    assert [list(row[:5]) for row in rows] == documented()


@pytest.mark.slow
def test_who_loads_a_zero_reset_network_gives_its_spikes(rows):
    assert all(row.nir == "reads" for row in rows)
    differ = [
        (network.title, reader, verdict)
        for network, row in zip(NETWORKS, rows, strict=True)
        for reader, verdict in (("snnTorch", row.snntorch), ("Norse", row.norse))
        if network.plain and not verdict.startswith(("equal", "does not load", "loads in part"))
    ]
    assert {pair[:2] for pair in differ} <= FAULTS_OF_READERS, differ


@pytest.mark.slow
def test_nobody_takes_other_resets_for_something_else(rows):
    others = [row for row in rows if "Threshold" in row.nodes]
    assert len(others) == 5
    for row in others:
        assert row.snntorch.startswith("does not load") and row.norse.startswith("does not load")
