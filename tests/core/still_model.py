"""A pipeline of the real class whose weights are set so that the video repeats the start picture: a whole run can be made with it.

Every block between first and last layer is zero, so that its shortcut hands on what comes in. What the last normalisation does to it is
undone exactly: each group of four channels holds a value, a large constant, its negative and zero, so that the group's spread is known
and the constant tells the mean that was taken away. Large biases keep the activation in its straight part.
"""

import torch
from tiny_models import image_processor, vision
from transformers import CLIPVisionModelWithProjection

CHANNELS = 128
"""Four for each of the 32 groups that the last normalisation has."""
LARGE = 1000.0


def still_video():
    """Stable Video Diffusion. For one step without guidance: its noise is then 700 times as large as the picture, and wholly taken away."""
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        StableVideoDiffusionPipeline,
        UNetSpatioTemporalConditionModel,
    )

    vae = AutoencoderKLTemporalDecoder(block_out_channels=(CHANNELS,), down_block_types=("DownEncoderBlock2D",), layers_per_block=1, latent_channels=4, scaling_factor=1.0)
    unet = UNetSpatioTemporalConditionModel(
        block_out_channels=(CHANNELS,), layers_per_block=1, sample_size=64, in_channels=8, out_channels=4, down_block_types=("DownBlockSpatioTemporal",),
        up_block_types=("UpBlockSpatioTemporal",), cross_attention_dim=16, num_attention_heads=1, projection_class_embeddings_input_dim=96, addition_time_embed_dim=32,
    )
    with torch.no_grad():
        for part in (vae, unet):
            for value in part.parameters():
                value.zero_()
        hand_on(vae.encoder.conv_in, vae.encoder.conv_norm_out, vae.encoder.conv_out, (0, 1, 2))
        vae.quant_conv.weight[:, :, 0, 0] = torch.eye(8)
        hand_on(vae.decoder.conv_in, vae.decoder.conv_norm_out, vae.decoder.conv_out, (0, 1, 2))
        vae.decoder.time_conv_out.weight[:, :, 1, 0, 0] = torch.eye(3)
        hand_on(unet.conv_in, unet.conv_norm_out, unet.conv_out, (4, 5, 6), -1.0)  # the picture's latents come after the noise's; a velocity of minus them leads there
        for block in unet.up_blocks[0].resnets:
            shortcut = block.spatial_res_block.conv_shortcut
            shortcut.weight[:, :CHANNELS, 0, 0] = torch.eye(CHANNELS)  # beside it come the channels that the way down left
    scheduler = EulerDiscreteScheduler(prediction_type="v_prediction", timestep_type="continuous", timestep_spacing="leading", interpolation_type="linear", sigma_min=0.002, sigma_max=700.0, use_karras_sigmas=True, steps_offset=1)
    return StableVideoDiffusionPipeline(vae=vae, image_encoder=vision(CLIPVisionModelWithProjection), unet=unet, scheduler=scheduler, feature_extractor=image_processor())


def hand_on(first, norm, last, sources, sign=1.0):
    """Set the layers around zero blocks so that `last` gives `sign` times the channels `sources` that go into `first`."""
    for place, source in enumerate(sources):
        value, constant, negative = (4 * place + step for step in range(3))
        first.weight[value, source, 1, 1] = 1.0
        first.bias[constant], first.bias[negative] = LARGE, -LARGE
        last.weight[place, value, 1, 1], last.weight[place, constant, 1, 1] = sign, -sign
        last.bias[place] = sign * LARGE
    norm.weight.fill_(LARGE / 2**0.5)  # the spread of (x, L, -L, 0)
    norm.bias.fill_(4 * LARGE)
