"""`lavalier train RECIPE`: options from file and command line, Lava where there is one, the table."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from lavalier import deploy
from lavalier.simulate.errors import BadInput
from lavalier.train.recipes import load
from lavalier.train.recipes.recipe import Recipe, System, Whole


def options_of(
    recipe: System, variant: str | None = None, file: Path | None = None, settings: Iterable[str] = ()
) -> Any:
    """Return a recipe's options: defaults, then a variant, then a YAML file, then key=value.

    Raises
    ------
    BadInput
        The file is no mapping, a setting is not key=value, or an option or a value is not allowed.
    """
    return recipe.chosen(variant, changes_of(file, settings))


def changes_of(file: Path | None = None, settings: Iterable[str] = ()) -> dict[str, Any]:
    """Return what a YAML file and key=value change of options.

    Raises
    ------
    BadInput
        The file is no mapping, or a setting is not key=value.
    """
    changes: dict[str, Any] = {} if file is None else _read(file)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise BadInput(f"--set {setting}: must be an option and its value, as in epochs=10")
        changes[key] = _parsed(setting, value)
    return changes


def run_recipe(
    name: str,
    options: Any,
    out: Path,
    data: Path | None,
    seed: int,
    force: bool,
    resume: bool,
    say: Callable,
) -> dict:
    """Run a recipe from its data to its run folder, on Lava too where it is installed; return its metrics."""
    why_not = deploy.missing("cpu")
    if why_not:
        say(f"Lava: not run ({why_not})")
    lava = None if why_not else deploy.run
    recipe = load(name)
    if isinstance(recipe, Whole):
        return recipe.train(out, data, seed, options, lava, force, resume, say)
    assert isinstance(recipe, Recipe)
    from lavalier.train.recipes.run import train_recipe

    return train_recipe(recipe, out, data, seed, options, lava, force, resume, say=say)


def to_text(metrics: dict, out: Path) -> str:
    """Return what a run of a recipe found."""
    unit, scale = metrics["unit"], metrics["scale"]

    def scored(value: float | None) -> str:
        return "none" if value is None else f"{scale * value:.4g} {unit}".rstrip()

    lava = f"0 of {metrics['lava_samples']} samples differ in u, v or s"
    rows = [
        (f"float {metrics['metric']}", f"{scored(metrics['float'])} of {metrics['n_test']} test samples"),
        (f"fixed {metrics['metric']}", f"{scored(metrics['fixed'])}, 8-bit weights"),
        *_trained_in_integers(metrics, scored),
        (f"ANN {metrics['metric']}", f"{scored(metrics['ann'])}, conventional network of the same shape"),
        ("export", "0 spikes differ"),
        ("Lava = fast", lava if metrics["lava_samples"] else "not run"),
        ("trained", f"{metrics['parameters']:,} parameters in {metrics['train_seconds']:.0f} s"),
        *((f"fits {device}", "yes" if fits else "no") for device, fits in metrics["fits"].items()),
        ("written", str(out)),
    ]
    notes = [f"note: {split}: {note}" for split, notes in metrics["notes"].items() for note in notes]
    head = [f"{metrics['recipe']}, {metrics['data']}", *notes]
    return "\n".join(head + [f"  {name:<18}{value}" for name, value in rows]) + "\n"


def _trained_in_integers(metrics: dict, scored: Callable) -> list[tuple[str, str]]:
    found = metrics.get("bit_true")
    return [] if found is None else [("bit-true", f"{scored(found)}, trained on in integers")]


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{file}: not a readable YAML file ({' '.join(str(error).split())})") from error
    if not isinstance(found, dict):
        raise BadInput(f"{file}: must hold options with their values, as in 'epochs: 10'")
    return found


def _parsed(setting: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise BadInput(f"--set {setting}: not a readable value ({' '.join(str(error).split())})") from error
