name = ''
m = torch.hub.load('a/b', name)
