"""Hosted generation against a service on this machine: what is sent, what comes back, what is refused, where the token is not."""

import base64
import logging

import cv2
import numpy as np
import pytest

pytest.importorskip("huggingface_hub", reason="needs the extra 'generate'")

from animamimic.core.errors import EngineError, InputError
from animamimic.core.settings import GenerateSettings
from animamimic.core.types import View
from animamimic.core.video import write_film
from animamimic.core.video.decode import open_film, pictures
from animamimic.core.video.generate import generate
from stub_service import MODEL, service

VIEW = View(96, 64, np.eye(4), np.eye(4))
TOKEN = "hf_secretofmine"
FPS = 30.0
SETTINGS = GenerateSettings(prompt="a fish swims", model=MODEL, hosted=True, video_size=128, steps=7)


@pytest.fixture
def answer(tmp_path):
    """A film of another size and rate than asked for, left half black."""
    frame = np.full((128, 192, 3), 255, np.uint8)
    frame[:, :96] = 0
    write_film(tmp_path / "answer.mp4", [frame] * 5, FPS)
    return (tmp_path / "answer.mp4").read_bytes()


@pytest.fixture
def render():
    picture = np.zeros((64, 96, 4), np.uint8)
    picture[20:44, 36:60] = (200, 30, 30, 255)
    return picture


def made(render, folder, address, monkeypatch, token=TOKEN):
    from huggingface_hub.inference._providers import _common

    _common._fetch_inference_provider_mapping.cache_clear()  # of which provider serves what, remembered for each model
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.constants.INFERENCE_PROXY_TEMPLATE", address)
    monkeypatch.setenv("HF_TOKEN", token)
    if not token:
        monkeypatch.setattr("animamimic.core.video.generate.make.access_token", lambda: "")
    (folder / "job").mkdir()
    return generate(render, VIEW, SETTINGS, folder / "job", seed=3, frames=9)


def test_picture_and_prompt_are_sent_and_the_video_comes_back(render, answer, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    with service(answer) as (address, seen):
        generated = made(render, tmp_path, address, monkeypatch)
    ((headers, body),) = seen
    assert {name.lower(): value for name, value in headers.items()}["authorization"] == f"Bearer {TOKEN}"
    sent = cv2.imdecode(np.frombuffer(base64.b64decode(body["image_url"].partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert sent.shape[1] == 128
    assert tuple(sent[0, 0]) == (255, 255, 255)
    assert body["prompt"].startswith("a fish swims, static camera")
    assert (body["seed"], body["num_inference_steps"], body["num_frames"]) == (3, 7, 9)
    film = open_film(generated.videos[0])
    frames = list(pictures(film))
    assert film.fps == FPS
    assert len(frames) == 5
    assert frames[0].rgb.shape == (64, 96, 3)
    assert frames[0].rgb[:, :40].max() < 30
    assert frames[0].rgb[:, 56:].min() > 225
    assert TOKEN not in caplog.text
    assert not [path for path in (tmp_path / "job").rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [(401, InputError, "does not accept the access token"), (402, EngineError, "no credit left"), (404, InputError, "does not know the model"), (500, EngineError, "failed with status 500")],
)
def test_a_refusal_is_told(render, tmp_path, monkeypatch, status, kind, sentence):
    with service(b"no", status) as (address, _), pytest.raises(kind, match=sentence) as told:
        made(render, tmp_path, address, monkeypatch)
    assert TOKEN not in str(told.value)


def test_an_answer_that_is_no_video_is_told(render, tmp_path, monkeypatch):
    with service(b"sorry") as (address, _), pytest.raises(EngineError, match="no video that can be read"):
        made(render, tmp_path, address, monkeypatch)


def test_a_service_that_is_not_there_is_told(render, tmp_path, monkeypatch):
    with pytest.raises(EngineError, match="cannot be reached"):
        made(render, tmp_path, "http://127.0.0.1:9", monkeypatch)


def test_without_a_token_nothing_is_sent(render, answer, tmp_path, monkeypatch):
    with service(answer) as (address, seen):
        with pytest.raises(InputError, match="needs an access token"):
            made(render, tmp_path, address, monkeypatch, token="")
        assert not seen
