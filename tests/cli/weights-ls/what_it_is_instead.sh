echo "<!DOCTYPE html><html>" >model.pt; : >empty.pt; ptm weights ls model.pt empty.pt
