# SPDX-License-Identifier: MIT
"""The peer of the listing: huggingface_hub lists all models, as one JSON array in a file. HF_ENDPOINT says where.

    list_models.py FILE
"""
import json
import sys

from huggingface_hub import HfApi

FIELDS = ["author", "baseModels", "cardData", "config", "createdAt", "disabled", "downloads", "downloadsAllTime", "gated", "gguf", "lastModified",
          "library_name", "likes", "model-index", "pipeline_tag", "private", "safetensors", "sha", "siblings", "tags", "transformersInfo", "usedStorage"]

models = list(HfApi().list_models(expand=FIELDS))
with open(sys.argv[1], "w", encoding="utf-8") as out:
    json.dump([model.__dict__ for model in models], out, default=lambda value: getattr(value, "__dict__", None) or str(value))
print(len(models))
