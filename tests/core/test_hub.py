"""Downloads from a hub on this machine: what is told before, how far it is, going on where it stopped, what is refused."""

import re
import shutil

import pytest

pytest.importorskip("diffusers", reason="needs the extra 'generate'")

import tiny_models
from animamimic.core.errors import CancelledError, EngineError, InputError
from animamimic.core.video.generate.hub import fetcher
from animamimic.core.video.generate.source import find_pipeline, video_model
from stub_hub import MODEL, digest, hub

WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A tiny pipeline, and what its repository has besides."""
    folder = tiny_models.saved(tiny_models.wan_22_ti2v, tmp_path_factory.mktemp("repository"))
    (folder / "single_file.safetensors").write_bytes(bytes(1000))
    (folder / "transformer" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(bytes(1000))
    return folder


@pytest.fixture
def at(tmp_path, monkeypatch):
    """Points the hub's client to an address, with an empty cache, in small pieces."""

    def point(address):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", address)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4096)

    return point


def test_size_and_licence_are_told_before_the_weights_come(repository, at):
    told, steps = [], []
    with hub(repository) as (address, seen):
        at(address)
        source = find_pipeline(MODEL, video_model, fetcher(lambda text: told.append((text, weights_asked(seen))), lambda fraction, text: steps.append((fraction, text))))
        again = find_pipeline(MODEL, video_model, fetcher(told.append))
        asked = [path for _, path, _ in seen]
    ((sentence, before),) = told
    size = sum(one.stat().st_size for one in repository.glob("*/*") if "fp16" not in one.name) / 1e9
    assert sentence.startswith(f"Downloading {MODEL}: {size:.3g} GB") or abs(float(sentence.split()[2]) - size) < 0.05 * size
    assert sentence.endswith("licence tiny-licence.")
    assert not before
    assert steps[-1][0] == 1.0 and steps[-1][1].startswith(f"downloading {MODEL}")
    assert again == source
    assert not any("fp16" in path or "single_file" in path for path in asked)
    assert (source.folder / WEIGHTS).read_bytes() == (repository / WEIGHTS).read_bytes()


def test_a_stopped_download_goes_on_in_the_middle_of_a_file(repository, at):
    sizes = {str(one.relative_to(repository)): one.stat().st_size for one in repository.glob("*/*") if "fp16" not in one.name}
    weights = sorted(name for name in sizes if name.endswith(".safetensors"))
    largest = max(weights, key=sizes.get)
    half = (sum(sizes[name] for name in weights[: weights.index(largest)]) + sizes[largest] / 2) / sum(sizes.values())

    def stop(fraction, text):
        if fraction > half:
            raise CancelledError("enough")

    told, steps = [], []
    with hub(repository) as (address, seen):
        at(address)
        with pytest.raises(CancelledError):
            find_pipeline(MODEL, video_model, fetcher(told.append, stop))
        first = len(seen)
        with pytest.raises(InputError, match=r"is incomplete|is not on this machine"):
            find_pipeline(MODEL, video_model)
        source = find_pipeline(MODEL, video_model, fetcher(told.append, lambda fraction, text: steps.append(fraction)))
        later = [(path, begin) for method, path, begin in seen[first:] if method == "GET" and path.endswith(".safetensors")]
    assert re.fullmatch(r"bytes=[1-9]\d*-", later[0][1])
    assert not any(begin for _, begin in later[1:])
    assert len({path for path, _ in later}) == len(later)
    assert later[0][0].endswith(largest)
    assert steps[0] > 0
    assert steps == sorted(steps) and steps[-1] == 1.0
    before, after = (float(sentence.split()[2]) for sentence in told)
    assert after == pytest.approx((1 - half) * before, rel=0.1)
    for name in weights:
        assert (source.folder / name).read_bytes() == (repository / name).read_bytes()
    assert not list(source.folder.parents[1].glob("blobs/*.half"))


def test_a_half_file_that_was_damaged_begins_anew(repository, at, tmp_path):
    content = (repository / WEIGHTS).read_bytes()
    half = tmp_path / "cache" / f"models--{MODEL.replace('/', '--')}" / "blobs" / f"{digest(WEIGHTS, content)}.half"
    half.parent.mkdir(parents=True)
    half.write_bytes(bytes(4096))
    with hub(repository) as (address, _):
        at(address)
        with pytest.raises(EngineError, match=r"transformer/diffusion_pytorch_model\.safetensors did not arrive as the hub has it"):
            find_pipeline(MODEL, video_model, fetcher(lambda text: None))
        source = find_pipeline(MODEL, video_model, fetcher(lambda text: None))
    assert (source.folder / WEIGHTS).read_bytes() == content


def test_a_model_that_makes_no_video_is_refused_before_its_weights_come(tmp_path, at):
    folder = tiny_models.saved(lambda: tiny_models.wan_21("WanPipeline"), tmp_path / "repository")
    with hub(folder) as (address, seen):
        at(address)
        with pytest.raises(InputError, match="makes no video from a picture"):
            find_pipeline(MODEL, video_model, fetcher(lambda text: None))
        assert not weights_asked(seen)


def test_refusals_are_told(repository, at, tmp_path, monkeypatch):
    fetch = fetcher(lambda text: None)
    with hub(repository, gated=True) as (address, _):
        at(address)
        with pytest.raises(EngineError, match="may not be downloaded by everyone"):
            find_pipeline(MODEL, video_model, fetch)
        with pytest.raises(InputError, match="There is no model somebody/else on the hub"):
            find_pipeline("somebody/else", video_model, fetch)
    with hub(repository) as (address, _):
        at(address)
        monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(100, 99, 1))
        with pytest.raises(InputError, match=r"the disk of .* has 1e-09 GB left"):
            find_pipeline(MODEL, video_model, fetch)
    at("http://127.0.0.1:9")
    with pytest.raises(EngineError, match="The download of somebody/tiny-video stopped"):
        find_pipeline(MODEL, video_model, fetch)


def weights_asked(seen):
    """Whether weights were sent, beyond the question how large they are."""
    return [path for method, path, _ in seen if method == "GET" and path.endswith(".safetensors")]
