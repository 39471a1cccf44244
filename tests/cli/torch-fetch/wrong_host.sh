GH_HOST=https://git.example.org ptm torch fetch acme/model
