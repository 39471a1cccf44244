. "$PROJECT/tests/cli/checkpoints.sh"
calls mymodel.nets Net >a.pkl; calls other Net >b.pkl
ptm weights scan --allow 'mymodel.*' --allow other.Net a.pkl b.pkl; echo $?; ptm weights scan --allow mymodel.nets.Net a.pkl b.pkl
