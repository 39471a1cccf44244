ptm weights convert a b --shard-size many
