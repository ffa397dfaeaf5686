"""Networks that follow points, from weights that are on this machine already."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..errors import InputError
from ..types import Float32

Network = TypeVar("Network", bound=torch.nn.Module)

OTHER_FLOW = "or choose DIS as Flow."


def weights_file(what: str, names: Sequence[str], given: str) -> Path:
    """The file with a network's weights.

    what: the network. names: what torch calls its files where it keeps what it fetched, the best first. given: a file of the user's, '' for those.
    Raises InputError where there is none.
    """
    kept = Path(torch.hub.get_dir()) / "checkpoints"
    found = next((path for path in ([Path(given)] if given else [kept / name for name in names]) if path.is_file()), None)
    if found is None:
        where = given or f"{kept} ({' or '.join(names)})"
        raise InputError(f"The weights of {what} are not on this machine: {where}.", f"Put them there, or name their file as Flow Weights, {OTHER_FLOW}")
    return found


def read_weights(path: Path) -> dict[str, Tensor]:
    """Parameters by name. Raises InputError where the file holds none; nothing in it is run."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}", f"Fetch the file again, {OTHER_FLOW}") from error
    weights = content.get("model", content) if isinstance(content, dict) else {}
    if not weights or not all(isinstance(one, Tensor) for one in weights.values()):
        raise InputError(f"{path} holds no weights of a network.", f"Name another file as Flow Weights, {OTHER_FLOW}")
    return weights


def filled(network: Network, weights: dict[str, Tensor], what: str, path: Path) -> Network:
    """The network with these weights, ready to be used, on a GPU where there is one. Raises InputError where they are another network's."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path} holds the weights of another network than {what}.", f"Name another file as Flow Weights, {OTHER_FLOW}") from error
    return network.eval().requires_grad_(False).to(device())


def device() -> torch.device:
    """Where networks run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def as_batch(*pictures: Float32) -> Tensor:
    """float32[N, 3, H, W], 0 to 1, where networks run, of pictures [H, W, 3]."""
    return torch.stack([torch.from_numpy(picture) for picture in pictures]).permute(0, 3, 1, 2).float().to(device())
