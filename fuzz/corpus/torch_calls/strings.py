>>> hub.load(model=r'\w', repo_or_dir=u'a/b') # torch.hub.load('c/d', 'e')
s = '''torch.hub.load('
'''; t = torch.hub.load('a/b', 'x' if y else 'z')
for m in n: torch.hub.load('a/b', m)
