mkdir -p hf; echo hf_fromfile >hf/token; HF_HOME=$PWD/hf ptm config --json | grep hf-token
