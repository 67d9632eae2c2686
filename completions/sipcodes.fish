# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sipcodes_global_optspecs
    string join \n h/help V/version
end

function __fish_sipcodes_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sipcodes_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sipcodes_using_subcommand
    set -l cmd (__fish_sipcodes_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sipcodes -n "__fish_sipcodes_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sipcodes -n "__fish_sipcodes_needs_command" -s V -l version -d 'Print version'
complete -c sipcodes -n "__fish_sipcodes_needs_command" -f -a "analyze" -d 'List the calls and registrations found in captures, each with the code it ended with'
complete -c sipcodes -n "__fish_sipcodes_needs_command" -f -a "codes" -d 'Explain status codes: what each means and where it is defined'
complete -c sipcodes -n "__fish_sipcodes_needs_command" -f -a "schema" -d 'Print the JSON Schema of what `analyze --format json` prints'
complete -c sipcodes -n "__fish_sipcodes_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c sipcodes -n "__fish_sipcodes_needs_command" -f -a "man" -d 'Print the man page'
complete -c sipcodes -n "__fish_sipcodes_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l keylog -d 'Open TLS with the secrets in this key log (SSLKEYLOGFILE); may be given more than once' -r -F
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l tls-key -d 'Open TLS with the server\'s RSA private key (PEM); may be given more than once' -r -F
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l sip-port -d 'TLS on this port is SIP: count it where it cannot be opened; may be given more than once' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -s f -l format -d 'How to print' -r -f -a "table\t'Columns for people'
csv\t'RFC 4180, one header line'
json\t'One document: captures, calls, registrations, totals'
ndjson\t'One JSON record a line, each as soon as it is settled'"
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -s o -l output -d 'Write to FILE instead of standard output' -r -F
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l columns -d 'Which columns to print, in this order' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l show -d 'What to list [default: calls,registrations; in CSV: calls]' -r -f -a "calls\t'One record per call'
registrations\t'One record per address-of-record, registrar and Call-ID'
transactions\t'One record per kind of transaction outside both (OPTIONS, SUBSCRIBE, MESSAGE, ...), with their count'
streams\t'One record per RTP stream, those of no known call last'
all\t'Everything there is'"
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l explain -d 'Show this call alone, and why it has its code: each message, what it did, by which rule; repeatable' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l color -d 'When to use colour in tables and messages' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Even into a pipe or a file'
never\t'Not at all'"
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l threads -d 'Use at most N threads; without this option, as many as there are cores' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l leg-header -d 'Header whose value is the Call-ID of another leg of the call; repeatable' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l state -d 'Go on where the last run with this FILE ended, and leave in it what is in progress' -r -F
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l signalling-timeout -d 'An answered call without media is 8003 after so long without signalling' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l media-timeout -d 'An answered call that had media is 8100 after so long without media and signalling' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l unmonitor -d 'Mark a call as unmonitored (8000), if TIME is given only if it is in progress then' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l server-restart -d 'The server restarted at TIME: calls active then are 8001' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l sniffer-restart -d 'The sniffer restarted at TIME: calls active then are 8002' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l restart-gap -d 'A gap between captures, or between sections of one, that is longer than this is a restart (8002)' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l license-limit -d 'Calls that start while N calls are in progress are 8004' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l max-calls -d 'Hold at most N calls at once; the one that was quiet for long is told as it stands' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l max-registrations -d 'Hold at most N registrations at once; the one that was quiet for long is told as it stands' -r
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l events -d 'Read marks from a CSV file of `time,event,call_id`' -r -F
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -s r -l recursive -d 'Of a folder, read the captures in the folders inside it, too'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l group -d 'Show the legs of one call together'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -s q -l quiet -d 'Print no progress and no warnings, only errors'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l flush -d 'This is the last run: tell what is in progress as it stands, and remove the FILE of --state'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -l as-live -d 'Decide 8002, 8003 and 8100 when their time has come, not in hindsight'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand analyze" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand codes" -s f -l format -d 'How to print' -r -f -a "table\t'Columns for people'
json\t'An array of records'
csv\t'RFC 4180, one header line'"
complete -c sipcodes -n "__fish_sipcodes_using_subcommand codes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand schema" -s h -l help -d 'Print help'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand completions" -s h -l help -d 'Print help'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand man" -s h -l help -d 'Print help'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand help; and not __fish_seen_subcommand_from analyze codes schema completions man help" -f -a "analyze" -d 'List the calls and registrations found in captures, each with the code it ended with'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand help; and not __fish_seen_subcommand_from analyze codes schema completions man help" -f -a "codes" -d 'Explain status codes: what each means and where it is defined'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand help; and not __fish_seen_subcommand_from analyze codes schema completions man help" -f -a "schema" -d 'Print the JSON Schema of what `analyze --format json` prints'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand help; and not __fish_seen_subcommand_from analyze codes schema completions man help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand help; and not __fish_seen_subcommand_from analyze codes schema completions man help" -f -a "man" -d 'Print the man page'
complete -c sipcodes -n "__fish_sipcodes_using_subcommand help; and not __fish_seen_subcommand_from analyze codes schema completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
