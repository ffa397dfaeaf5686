"""Generation by a hosted service, through huggingface_hub's client: for people without a GPU.

The token comes from the environment (HF_TOKEN) or the hub's own login. It is in no job folder and no log.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...errors import EngineError, InputError
from ...types import UInt8
from ..decode import open_film, pictures
from .models import VideoModel
from .sampling import Wish

WAIT_SECONDS = 1800.0


def generate_hosted(model: str, row: VideoModel | None, wish: Wish, video: Path, *, token: str) -> tuple[list[UInt8], float]:
    """Send the start picture and the prompt, write the returned video to `video`, and return its frames, uint8[h, w, 3] each,
    and how many a second it plays: services have rates of their own.

    model: its name on the hub. row: what is known of it, for its usual steps and guidance.
    Raises InputError where there is no token or the service refuses what it was given, EngineError where it fails
    or sends no video.
    """
    if not token:
        raise InputError("Hosted generation needs an access token.", "Put it into the preferences or the environment variable HF_TOKEN, or log in with 'hf auth login'.")
    returned = _asked(model, _options(row, wish), wish.start, token)
    video.write_bytes(returned)
    try:
        film = open_film(video, "The service's answer")
        return [picture.rgb for picture in pictures(film)], film.fps
    except InputError as error:
        raise EngineError("The service sent no video that can be read.", "Try again, or choose another model or provider.") from error


def access_token() -> str:
    """The hub's token, from the environment or its login; '' where there is none."""
    from huggingface_hub import get_token

    return get_token() or ""


def _options(row: VideoModel | None, wish: Wish) -> dict[str, Any]:
    steps = wish.steps or (row.steps if row is not None else None)
    guidance = wish.guidance or (row.guidance if row is not None else None)
    return {"prompt": wish.prompt, "negative_prompt": wish.negative or None, "num_frames": wish.shape.frames, "num_inference_steps": steps, "guidance_scale": guidance, "seed": wish.seed}


def _asked(model: str, options: dict[str, Any], start: UInt8, token: str) -> bytes:
    from huggingface_hub import InferenceClient
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, InferenceTimeoutError

    client = InferenceClient(provider="auto", token=token, timeout=WAIT_SECONDS)
    try:
        return client.image_to_video(_png(start), model=model, **options)
    except InferenceTimeoutError as error:
        raise EngineError(f"The service gave no answer within {WAIT_SECONDS / 60:.0f} minutes.", "Try again later, or choose another model.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise _refusal(model, status) from error
    except (HTTPError, OSError) as error:
        raise EngineError(f"The service cannot be reached ({type(error).__name__}).", "Check the connection and try again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"No service offers {model} for making a video from a picture.", "Choose another model.") from error


def _refusal(model: str, status: int) -> Exception:
    if status in (401, 403):
        return InputError(f"The service does not accept the access token ({status}).", "Make a new one with the right to call inference providers.")
    if status == 402:
        return EngineError("The account has no credit left for hosted generation (402).", "Add credit, or generate on a machine of your own.")
    if status == 404:
        return InputError(f"The service does not know the model {model} (404).", "Choose another model.")
    return EngineError(f"The service failed with status {status}.", "Try again later, or choose another model.")


def _png(picture: UInt8) -> bytes:
    encoded, data = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    assert encoded
    return data.tobytes()
