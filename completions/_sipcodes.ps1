
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'sipcodes' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'sipcodes'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'sipcodes' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('analyze', 'analyze', [CompletionResultType]::ParameterValue, 'List the calls and registrations found in captures, each with the code it ended with')
            [CompletionResult]::new('codes', 'codes', [CompletionResultType]::ParameterValue, 'Explain status codes: what each means and where it is defined')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of what `analyze --format json` prints')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the man page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sipcodes;analyze' {
            [CompletionResult]::new('--keylog', '--keylog', [CompletionResultType]::ParameterName, 'Open TLS with the secrets in this key log (SSLKEYLOGFILE); may be given more than once')
            [CompletionResult]::new('--tls-key', '--tls-key', [CompletionResultType]::ParameterName, 'Open TLS with the server''s RSA private key (PEM); may be given more than once')
            [CompletionResult]::new('--sip-port', '--sip-port', [CompletionResultType]::ParameterName, 'TLS on this port is SIP: count it where it cannot be opened; may be given more than once')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'How to print')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to FILE instead of standard output')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Which columns to print, in this order')
            [CompletionResult]::new('--show', '--show', [CompletionResultType]::ParameterName, 'What to list [default: calls,registrations; in CSV: calls]')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Show this call alone, and why it has its code: each message, what it did, by which rule; repeatable')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colour in tables and messages')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Use at most N threads; without this option, as many as there are cores')
            [CompletionResult]::new('--leg-header', '--leg-header', [CompletionResultType]::ParameterName, 'Header whose value is the Call-ID of another leg of the call; repeatable')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Go on where the last run with this FILE ended, and leave in it what is in progress')
            [CompletionResult]::new('--signalling-timeout', '--signalling-timeout', [CompletionResultType]::ParameterName, 'An answered call without media is 8003 after so long without signalling')
            [CompletionResult]::new('--media-timeout', '--media-timeout', [CompletionResultType]::ParameterName, 'An answered call that had media is 8100 after so long without media and signalling')
            [CompletionResult]::new('--unmonitor', '--unmonitor', [CompletionResultType]::ParameterName, 'Mark a call as unmonitored (8000), if TIME is given only if it is in progress then')
            [CompletionResult]::new('--server-restart', '--server-restart', [CompletionResultType]::ParameterName, 'The server restarted at TIME: calls active then are 8001')
            [CompletionResult]::new('--sniffer-restart', '--sniffer-restart', [CompletionResultType]::ParameterName, 'The sniffer restarted at TIME: calls active then are 8002')
            [CompletionResult]::new('--restart-gap', '--restart-gap', [CompletionResultType]::ParameterName, 'A gap between captures, or between sections of one, that is longer than this is a restart (8002)')
            [CompletionResult]::new('--license-limit', '--license-limit', [CompletionResultType]::ParameterName, 'Calls that start while N calls are in progress are 8004')
            [CompletionResult]::new('--max-calls', '--max-calls', [CompletionResultType]::ParameterName, 'Hold at most N calls at once; the one that was quiet for long is told as it stands')
            [CompletionResult]::new('--max-registrations', '--max-registrations', [CompletionResultType]::ParameterName, 'Hold at most N registrations at once; the one that was quiet for long is told as it stands')
            [CompletionResult]::new('--events', '--events', [CompletionResultType]::ParameterName, 'Read marks from a CSV file of `time,event,call_id`')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Of a folder, read the captures in the folders inside it, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Of a folder, read the captures in the folders inside it, too')
            [CompletionResult]::new('--group', '--group', [CompletionResultType]::ParameterName, 'Show the legs of one call together')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print no progress and no warnings, only errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print no progress and no warnings, only errors')
            [CompletionResult]::new('--flush', '--flush', [CompletionResultType]::ParameterName, 'This is the last run: tell what is in progress as it stands, and remove the FILE of --state')
            [CompletionResult]::new('--as-live', '--as-live', [CompletionResultType]::ParameterName, 'Decide 8002, 8003 and 8100 when their time has come, not in hindsight')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sipcodes;codes' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'How to print')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How to print')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'sipcodes;schema' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sipcodes;completions' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sipcodes;man' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'sipcodes;help' {
            [CompletionResult]::new('analyze', 'analyze', [CompletionResultType]::ParameterValue, 'List the calls and registrations found in captures, each with the code it ended with')
            [CompletionResult]::new('codes', 'codes', [CompletionResultType]::ParameterValue, 'Explain status codes: what each means and where it is defined')
            [CompletionResult]::new('schema', 'schema', [CompletionResultType]::ParameterValue, 'Print the JSON Schema of what `analyze --format json` prints')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the man page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'sipcodes;help;analyze' {
            break
        }
        'sipcodes;help;codes' {
            break
        }
        'sipcodes;help;schema' {
            break
        }
        'sipcodes;help;completions' {
            break
        }
        'sipcodes;help;man' {
            break
        }
        'sipcodes;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
