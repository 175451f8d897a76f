Register-ArgumentCompleter -Native -CommandName innkeeper -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $prev = $env:_INNKEEPER_COMPLETE;
    $env:_INNKEEPER_COMPLETE = "powershell";

    $args = $commandAst.Extent.Text
    $args = $args.Substring(0, [math]::Min($cursorPosition, $args.Length));
    if ($wordToComplete -eq "") {
        $args += " ''";
    }

    $results = Invoke-Expression @"
& innkeeper -- $args
"@;
    if ($null -eq $prev) {
        Remove-Item Env:\_INNKEEPER_COMPLETE;
    } else {
        $env:_INNKEEPER_COMPLETE = $prev;
    }
    $results | ForEach-Object {
        $split = $_.Split("`t");
        $cmd = $split[0];

        if ($split.Length -eq 2) {
            $help = $split[1];
        }
        else {
            $help = $split[0];
        }

        [System.Management.Automation.CompletionResult]::new($cmd, $cmd, 'ParameterValue', $help)
    }
};
