"""Tiny pipelines of the real classes with random weights, saved in the real format: what loading and sampling are tested on."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

WORDS = ("<pad>", "</s>", "<unk>", "a", "fish", "swims", "static", "camera", "white", "background")
LLAMA_MARKS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")


def tokenizer(llama=False, **special):
    """Knows a few words; everything else is one unknown token. llama: also the marks of a chat with a picture."""
    words = (*WORDS, "<image>", *LLAMA_MARKS) if llama else WORDS
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece()
    if llama:
        special["additional_special_tokens"] = ["<image>", *LLAMA_MARKS]
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", **special)


def text_encoder(config=T5Config, model=T5EncoderModel, **more):
    return model(config(vocab_size=32, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, **more)).eval()


def vision(model=CLIPVisionModel):
    return model(CLIPVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=224, patch_size=32, projection_dim=16)).eval()


def image_processor():
    return CLIPImageProcessor(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224})


def wan_vae(spatial=8):
    from diffusers import AutoencoderKLWan

    if spatial == 16:  # of Wan 2.2 TI2V
        return AutoencoderKLWan(
            base_dim=3, z_dim=8, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True], latents_mean=[0.0] * 8, latents_std=[1.0] * 8,
            is_residual=True, in_channels=12, out_channels=12, patch_size=2, scale_factor_spatial=16,
        )
    return AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True])


def wan_transformer(channels, latent=16, **more):
    from diffusers import WanTransformer3DModel

    return WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=channels, out_channels=latent, text_dim=16, freq_dim=16, ffn_dim=16,
        num_layers=2, cross_attn_norm=True, qk_norm="rms_norm_across_heads", rope_max_seq_len=32, **more,
    )


def flow_scheduler(**more):
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**more)


def wan_21(kind="WanImageToVideoPipeline"):
    import diffusers

    if kind == "WanPipeline":
        return diffusers.WanPipeline(
            tokenizer=tokenizer(), text_encoder=text_encoder(UMT5Config, UMT5EncoderModel), vae=wan_vae(), scheduler=flow_scheduler(shift=3.0), transformer=wan_transformer(16)
        )
    return diffusers.WanImageToVideoPipeline(
        tokenizer=tokenizer(), text_encoder=text_encoder(UMT5Config, UMT5EncoderModel), vae=wan_vae(), scheduler=flow_scheduler(shift=3.0), image_processor=image_processor(),
        image_encoder=vision(), transformer=wan_transformer(36, image_dim=16, added_kv_proj_dim=24),
    )


def wan_22():
    from diffusers import WanImageToVideoPipeline

    return WanImageToVideoPipeline(
        tokenizer=tokenizer(), text_encoder=text_encoder(UMT5Config, UMT5EncoderModel), vae=wan_vae(), scheduler=flow_scheduler(shift=3.0), transformer=wan_transformer(36),
        transformer_2=wan_transformer(36), boundary_ratio=0.9,
    )


def wan_22_ti2v():
    """Published as a WanPipeline, as the real one is."""
    from diffusers import WanPipeline

    return WanPipeline(
        tokenizer=tokenizer(), text_encoder=text_encoder(UMT5Config, UMT5EncoderModel), vae=wan_vae(16), scheduler=flow_scheduler(shift=3.0), transformer=wan_transformer(8, 8), expand_timesteps=True
    )


def ltx():
    """Published as an LTXPipeline, as the real one is."""
    from diffusers import AutoencoderKLLTXVideo, LTXPipeline, LTXVideoTransformer3DModel

    vae = AutoencoderKLLTXVideo(
        latent_channels=8, block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8), layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 5
    )
    vae.use_framewise_encoding = vae.use_framewise_decoding = False
    transformer = LTXVideoTransformer3DModel(in_channels=8, out_channels=8, num_attention_heads=4, attention_head_dim=8, cross_attention_dim=32, num_layers=1, caption_channels=16)
    return LTXPipeline(scheduler=flow_scheduler(), vae=vae, text_encoder=text_encoder(), tokenizer=tokenizer(), transformer=transformer)


def ltx2():
    """Published as an LTX2Pipeline, as the real one is; it makes a sound too, which is dropped."""
    from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video, LTX2Pipeline, LTX2VideoTransformer3DModel
    from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig, SiglipVisionConfig

    language = Gemma3TextConfig(vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=2048, pad_token_id=0)
    seen = SiglipVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8)
    gemma = Gemma3ForConditionalGeneration(Gemma3Config(text_config=language, vision_config=seen, mm_tokens_per_image=4)).eval()
    transformer = LTX2VideoTransformer3DModel(
        in_channels=8, out_channels=8, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16, audio_in_channels=4, audio_out_channels=4, audio_num_attention_heads=2,
        audio_attention_head_dim=4, audio_cross_attention_dim=8, num_layers=2, caption_channels=16, rope_type="split", rope_double_precision=False,
    )
    connectors = LTX2TextConnectors(
        caption_channels=16, text_proj_in_factor=3, video_connector_num_attention_heads=2, video_connector_attention_head_dim=8, video_connector_num_layers=1,
        video_connector_num_learnable_registers=None, audio_connector_num_attention_heads=2, audio_connector_attention_head_dim=8, audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=None, connector_rope_base_seq_len=32, rope_theta=10000.0, rope_double_precision=False, causal_temporal_positioning=False, rope_type="split",
    )
    vae = AutoencoderKLLTX2Video(
        latent_channels=8, block_out_channels=(4, 8, 16, 32), decoder_block_out_channels=(8, 16, 32), layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 4,
        spatial_compression_ratio=32, temporal_compression_ratio=8, decoder_spatial_padding_mode="zeros",
    )
    vae.use_framewise_encoding = vae.use_framewise_decoding = False
    audio = AutoencoderKLLTX2Audio(
        base_channels=4, output_channels=2, ch_mult=(1,), num_res_blocks=1, attn_resolutions=None, in_channels=2, resolution=32, latent_channels=2, norm_type="pixel",
        causality_axis="height", mid_block_add_attention=False, sample_rate=16000, mel_hop_length=160, is_causal=True, mel_bins=8,
    )
    vocoder = LTX2Vocoder(in_channels=16, hidden_channels=32, out_channels=2, upsample_kernel_sizes=[4, 4], upsample_factors=[2, 2], resnet_kernel_sizes=[3], resnet_dilations=[[1, 3, 5]], output_sampling_rate=16000)
    return LTX2Pipeline(
        scheduler=flow_scheduler(use_dynamic_shifting=True), vae=vae, audio_vae=audio, text_encoder=gemma, tokenizer=tokenizer(), connectors=connectors, transformer=transformer, vocoder=vocoder
    )


def cogvideox():
    from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler, CogVideoXImageToVideoPipeline, CogVideoXTransformer3DModel

    vae = AutoencoderKLCogVideoX(latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=2)
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=8, out_channels=4, time_embed_dim=2, text_embed_dim=16, num_layers=1, sample_width=4, sample_height=4, sample_frames=9,
        max_text_seq_length=226, use_rotary_positional_embeddings=True, use_learned_positional_embeddings=False,
    )
    return CogVideoXImageToVideoPipeline(tokenizer=tokenizer(), text_encoder=text_encoder(), vae=vae, transformer=transformer, scheduler=CogVideoXDDIMScheduler())


def hunyuan():
    from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoImageToVideoPipeline, HunyuanVideoTransformer3DModel
    from transformers import CLIPTextConfig, CLIPTextModel, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    language = LlamaConfig(vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=2048, pad_token_id=0)
    seen = CLIPVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=48, patch_size=2)  # 24 x 24 patches, as the prompt's template wants
    llava = LlavaForConditionalGeneration(LlavaConfig(vision_config=seen, text_config=language, image_token_index=10, pad_token_id=0)).eval()
    vae = AutoencoderKLHunyuanVideo(latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4, mid_block_add_attention=True)
    transformer = HunyuanVideoTransformer3DModel(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=10, num_layers=1, num_single_layers=1, num_refiner_layers=1, patch_size=2, patch_size_t=1,
        guidance_embeds=True, text_embed_dim=16, pooled_projection_dim=16, rope_axes_dim=(2, 4, 4), image_condition_type="token_replace",
    )
    clip = CLIPTextModel(CLIPTextConfig(vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, projection_dim=16, eos_token_id=1)).eval()
    return HunyuanVideoImageToVideoPipeline(
        text_encoder=llava, tokenizer=tokenizer(llama=True), transformer=transformer, vae=vae, scheduler=flow_scheduler(shift=7.0), text_encoder_2=clip, tokenizer_2=tokenizer(model_max_length=77),
        image_processor=CLIPImageProcessor(size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48}),
    )


def stable_video():
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        StableVideoDiffusionPipeline,
        UNetSpatioTemporalConditionModel,
    )

    unet = UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 64), layers_per_block=2, sample_size=32, in_channels=8, out_channels=4, down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"), cross_attention_dim=16, num_attention_heads=8, projection_class_embeddings_input_dim=96, addition_time_embed_dim=32,
    )
    vae = AutoencoderKLTemporalDecoder(block_out_channels=(32,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=4)
    scheduler = EulerDiscreteScheduler(prediction_type="v_prediction", timestep_type="continuous", timestep_spacing="leading", interpolation_type="linear", sigma_min=0.002, sigma_max=700.0, use_karras_sigmas=True, steps_offset=1)
    return StableVideoDiffusionPipeline(vae=vae, image_encoder=vision(CLIPVisionModelWithProjection), unet=unet, scheduler=scheduler, feature_extractor=image_processor())


def saved(make, folder, seed=0):
    """The pipeline with seeded weights, saved below `folder`; returns where."""
    torch.manual_seed(seed)
    make().save_pretrained(folder)
    return folder
