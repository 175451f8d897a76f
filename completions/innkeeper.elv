set edit:completion:arg-completer[innkeeper] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) _INNKEEPER_COMPLETE="elvish" innkeeper -- $@words) | to-lines
}
