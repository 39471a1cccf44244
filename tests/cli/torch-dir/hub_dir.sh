ptm torch dir --hub-dir /x/hub; ptm torch dir --hub-dir '~/hub' | sed "s|$HOME|HOME|"
