complete --keep-order --exclusive --command innkeeper --arguments "(_INNKEEPER_COMPLETE=fish innkeeper -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
