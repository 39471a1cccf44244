ptm torch cache prune --older-than soon
