"""A server of the Tinker API to try the engine `tinker` on: SkyRL on the CPU, with a small model of random weights made on the spot.

    python3.12 -m venv skyrl && skyrl/bin/pip install 'skyrl[tinker,jax]==0.3.0'
    skyrl/bin/python scripts/skyrl-server.py --folder skyrl/data --port 8123

It serves on 127.0.0.1 alone and asks for no key. Then, for the tests of test/engines and for the platform:

    HUD_TEST_TINKER_URL=http://127.0.0.1:8123 npm run test:engines
    HUD_TRAIN_ENGINE=tinker HUD_TINKER_URL=http://127.0.0.1:8123 HUD_TINKER_SERVER=skyrl-jax \
      HUD_TINKER_TOKENIZER=characters HUD_TINKER_LORA_RANK=8 hud platform
"""

import argparse
import os
import sys
from pathlib import Path

# More than the tokens of the tokenizer `characters`.
VOCABULARY = 128
CONTEXT = 512


def make_model(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(1)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
        initializer_range=0.1,
    )
    Qwen3ForCausalLM(config).to(torch.float32).save_pretrained(folder)
    # The server wants one; the platform sends and takes tokens alone.
    words = Tokenizer(WordLevel({f"<{token}>": token for token in range(VOCABULARY)}, unk_token="<0>"))
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(folder)


def serve(folder: Path, model: Path, port: int) -> None:
    import uvicorn
    from skyrl.tinker import api
    from skyrl.tinker.config import EngineConfig, config_to_argv

    # It would start its other half with `uv run`; this interpreter has all that it needs.
    api._build_uv_run_cmd_engine = lambda _parent, config: [sys.executable, "-m", "skyrl.tinker.engine", *config_to_argv(config)]
    backend = {"max_lora_adapters": 16, "max_lora_rank": 8, "train_micro_batch_size": 8, "sample_max_num_sequences": 8}
    api.app.state.engine_config = EngineConfig(
        base_model=str(model),
        backend="jax",
        backend_config=backend,
        checkpoints_base=folder / "checkpoints",
        database_url=f"sqlite:///{folder / 'tinker.db'}",
    )
    uvicorn.run(api.app, host="127.0.0.1", port=port, log_level="warning")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="of the model, the checkpoints and the server's database")
    parser.add_argument("--port", type=int, default=8123)
    args = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    folder = args.folder.resolve()
    model = folder / "tiny-random"
    folder.mkdir(parents=True, exist_ok=True)
    if not (model / "config.json").exists():
        make_model(model)
    serve(folder, model, args.port)


if __name__ == "__main__":
    main()
