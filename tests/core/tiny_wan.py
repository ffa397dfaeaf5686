"""Wan pipelines of the real classes with a few thousand random weights, saved in the real format."""

import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
    UMT5Config,
    UMT5EncoderModel,
)

TRANSFORMER = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "out_channels": 16,
    "text_dim": 16,
    "freq_dim": 16,
    "ffn_dim": 16,
    "num_layers": 2,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 64,
}


def tiny_parts():
    """What all Wan pipelines have but the transformer."""
    torch.manual_seed(0)
    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "cape": 4, "waves": 5}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    text = UMT5Config(vocab_size=8, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, relative_attention_num_buckets=4)
    return {
        "tokenizer": PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"),
        "text_encoder": UMT5EncoderModel(text).eval(),
        "vae": AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]).eval(),
        "scheduler": UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
    }


def image_to_video_21():
    """Wan 2.1 I2V: the first frame beside the noise, and an image encoder."""
    parts = tiny_parts()
    vision = CLIPVisionConfig(hidden_size=4, projection_dim=4, num_hidden_layers=2, num_attention_heads=2, image_size=32, intermediate_size=16, patch_size=16)
    encoder = CLIPVisionModelWithProjection(vision).eval()
    processor = CLIPImageProcessor(crop_size=32, size=32)
    transformer = WanTransformer3DModel(**TRANSFORMER, in_channels=36, image_dim=4, added_kv_proj_dim=24).eval()
    return WanImageToVideoPipeline(**parts, transformer=transformer, image_encoder=encoder, image_processor=processor)


def image_to_video_22():
    """Wan 2.2 I2V A14B: two transformers, one for much noise and one for little."""
    first, second = (WanTransformer3DModel(**TRANSFORMER, in_channels=36).eval() for _ in range(2))
    return WanImageToVideoPipeline(**tiny_parts(), transformer=first, transformer_2=second, boundary_ratio=0.875)


def image_to_video_5b():
    """Wan 2.2 TI2V 5B: the first frame in the noise's place, a timestep for each patch."""
    transformer = WanTransformer3DModel(**TRANSFORMER, in_channels=16).eval()
    return WanImageToVideoPipeline(**tiny_parts(), transformer=transformer, expand_timesteps=True)


def vace():
    """Wan VACE: a control video."""
    transformer = WanVACETransformer3DModel(**TRANSFORMER, in_channels=16, vace_layers=[0], vace_in_channels=96).eval()
    return WanVACEPipeline(**tiny_parts(), transformer=transformer)


def text_to_video():
    """Plain Wan, which takes no picture."""
    return WanPipeline(**tiny_parts(), transformer=WanTransformer3DModel(**TRANSFORMER, in_channels=16).eval())


RESTORERS = {"i2v_21": image_to_video_21, "i2v_22": image_to_video_22, "ti2v_5b": image_to_video_5b, "vace": vace}
