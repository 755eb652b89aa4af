"""YAML files with a fixed form: device tables, limits, descriptions."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from .errors import BadInput

Form = TypeVar("Form", bound=BaseModel)


def read_yaml(path: Path, form: type[Form]) -> Form:
    """Read a file as a pydantic model.

    Raises
    ------
    BadInput
        The file is missing, is no YAML, or has another form; the message names the place.
    """
    try:
        return form.model_validate(yaml.safe_load(path.read_text()))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BadInput(f"{path}: {place}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{path}: not a readable YAML file ({' '.join(str(error).split())})") from error
