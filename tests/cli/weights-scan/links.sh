. "$PROJECT/tests/cli/checkpoints.sh"
mkdir -p blobs snapshot; calls os system >blobs/x; ln -s ../blobs/x snapshot/model.bin; ln -s ../blobs snapshot/up; ln -s nowhere snapshot/dangling; mkfifo snapshot/pipe
ptm weights scan snapshot
