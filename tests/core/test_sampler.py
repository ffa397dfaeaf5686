"""The self-guided sampler on a Gaussian model, whose velocity and whose distribution are known exactly."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from animamimic.core.video.sampler import Renoise, SelfGuidance, sample, start_of, to_latent_mask

MEAN = torch.tensor([1.0, -2.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.5, 0.6], [0.6, 0.5]], dtype=torch.float64)
SAMPLES = 20000


def schedule(steps):
    return [1 - index / steps for index in range(steps)] + [0.0]


def gaussian(sigmas):
    """The exact velocity E[e - x0 | x] of x = (1 - s) x0 + s e with x0 ~ N(MEAN, COVARIANCE): the clean mean is linear in x."""

    def velocity(x, index):
        sigma, one = sigmas[index], torch.eye(2, dtype=torch.float64)
        gain = (1 - sigma) * COVARIANCE @ torch.linalg.inv((1 - sigma) ** 2 * COVARIANCE + sigma**2 * one)
        clean = MEAN + (x - (1 - sigma) * MEAN) @ gain.T
        return (x - clean) / sigma

    return velocity


def run(steps=60, reference=None, mask=1.0, scale=0.0, strength=1.0, renoise=Renoise.FRESH, seed=1, count=SAMPLES):
    sigmas = schedule(steps)
    reference = torch.full((count, 2), 5.0, dtype=torch.float64) if reference is None else reference
    guidance = SelfGuidance(reference, torch.as_tensor(mask, dtype=torch.float64), scale)
    return sample(gaussian(sigmas), sigmas, guidance, strength=strength, generator=torch.Generator().manual_seed(seed), renoise=renoise)


@pytest.mark.parametrize("renoise", [Renoise.ANCESTRAL, Renoise.NONE])
def test_unguided_at_full_strength_it_is_the_models_own_distribution(renoise):
    """Standard errors: 0.009 of the mean, 1 % of the variances; 250 steps leave less than that."""
    got = run(steps=250, renoise=renoise)
    np.testing.assert_allclose(got.mean(0), MEAN, atol=0.04)
    np.testing.assert_allclose(np.cov(got.numpy().T), COVARIANCE, atol=0.06)


def test_fresh_noise_keeps_the_mean_and_loses_the_spread_that_theory_says():
    """The variance along each axis of the model follows v' = ((1 - s') k)^2 v + s'^2 with the posterior's gain k."""
    sigmas, got = schedule(12), run(steps=12)
    variances, axes = torch.linalg.eigh(COVARIANCE)
    expected = torch.ones(2, dtype=torch.float64)
    for sigma, following in pairwise(sigmas):
        gain = (1 - sigma) * variances / ((1 - sigma) ** 2 * variances + sigma**2)
        expected = ((1 - following) * gain) ** 2 * expected + following**2
    along = np.cov((got @ axes).numpy().T)
    np.testing.assert_allclose(got.mean(0), MEAN, atol=0.04)
    np.testing.assert_allclose(np.diag(along), expected, rtol=0.05)
    assert (expected < variances).all()


def test_a_strong_pull_gives_the_reference_back():
    reference = torch.randn(50, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    got = run(reference=reference, scale=1000.0)
    np.testing.assert_allclose(got, reference, atol=1e-9)


def test_the_pull_acts_where_the_mask_is_alone():
    """The second half of the samples is masked out: the first is the reference, the second the model's."""
    mask = torch.zeros(SAMPLES, 1, dtype=torch.float64)
    mask[: SAMPLES // 2] = 1
    got = run(mask=mask, scale=1000.0)
    np.testing.assert_allclose(got[: SAMPLES // 2], 5.0, atol=1e-9)
    np.testing.assert_allclose(got[SAMPLES // 2 :].mean(0), MEAN, atol=0.05)


def test_a_seed_is_a_result():
    first, again, other = run(count=10), run(count=10), run(count=10, seed=2)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_fresh_noise_forgets_a_start_that_the_model_does_not_know_and_the_ode_keeps_it():
    """A reference 4 above the model's mean, half the schedule: what is left of its distance."""
    left = {kind: float((run(steps=40, strength=0.5, renoise=kind).mean(0) - MEAN).abs().sum()) for kind in Renoise}
    assert left[Renoise.FRESH] < left[Renoise.ANCESTRAL] < left[Renoise.NONE]


@pytest.mark.parametrize(("steps", "strength", "start"), [(50, 0.7, 15), (50, 1.0, 0), (50, 0.0, 49), (1, 0.7, 0), (4, 0.5, 2)])
def test_strength_is_the_share_of_the_schedule(steps, strength, start):
    assert start_of(steps, strength) == start


def test_masks_come_to_the_latents_resolution_by_what_each_covers():
    """Nine frames of 16 x 16 as latents of 3 x 2 x 2: frame 0 alone, then four and four; a quarter of a cell counts a quarter."""
    masks = torch.zeros(9, 16, 16)
    masks[0, :8, :8] = 1
    masks[1:5, 8:12, 8:12] = 1
    masks[5, :8, 8:] = 1
    latent = to_latent_mask(masks, 3, 2, 2)
    expected = np.zeros((3, 2, 2))
    expected[0, 0, 0], expected[1, 1, 1], expected[2, 0, 1] = 1, 0.25, 0.25
    np.testing.assert_allclose(latent, expected, atol=1e-6)
