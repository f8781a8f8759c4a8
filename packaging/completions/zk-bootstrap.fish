# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_zk_bootstrap_global_optspecs
    string join \n dry-run from= output= config= h/help V/version
end

function __fish_zk_bootstrap_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_zk_bootstrap_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_zk_bootstrap_using_subcommand
    set -l cmd (__fish_zk_bootstrap_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -l from -d 'Plan from a recorded snapshot instead of looking' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For machines'"
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -l dry-run -d 'The same as `plan`'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -s V -l version -d 'Print version'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "run" -d 'Run the agent: observe, plan, check, apply, again and again (what systemd starts)'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "plan" -d 'Look and print what the agent would do, changing nothing. Exit code 2: something to do'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "observe" -d 'Record a snapshot, to be planned from with `plan --from`'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "status" -d 'Print the ensemble as this instance sees it'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "recover" -d 'Show what the survivors of a lost quorum have, and give leave to recover from them'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "connection-string" -d 'Print the servers as a client of ZooKeeper is given them: each address with its port'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "doctor" -d 'Look for what does not work, or may fail when it is needed; changes nothing. Exit code 2: errors, 3: warnings'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "check-config" -d 'Read the configuration, judge it, and print each value with its origin'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "may-start" -d 'Say whether the files on this instance\'s disk let its server start (what zookeeper.service asks first). Exit code 69: they do not'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "iam-policy" -d 'Print the least IAM policy for the features that are switched on, in JSON'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand run" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand run" -s h -l help -d 'Print help'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand plan" -l from -d 'Plan from a recorded snapshot instead of looking' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand plan" -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For machines'"
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand plan" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand observe" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand observe" -s h -l help -d 'Print help'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand status" -l output -d 'The form of the answer' -r -f -a "text\t'For people'
json\t'For machines'"
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand status" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand status" -l watch -d 'Look again every two seconds until interrupted'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand recover" -l output -d 'The form of the evidence' -r -f -a "text\t'For people'
json\t'For machines'"
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand recover" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand recover" -l yes -d 'Give leave without being asked'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand connection-string" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand connection-string" -s h -l help -d 'Print help'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand doctor" -l output -d 'The form of the findings' -r -f -a "text\t'For people'
json\t'For machines'"
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand doctor" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand check-config" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand may-start" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand may-start" -s h -l help -d 'Print help'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand iam-policy" -l group -d 'The Auto Scaling group, where the configuration does not name it' -r
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand iam-policy" -l region -d 'The region, where the configuration does not name it; without it, any' -r
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand iam-policy" -l account -d 'The account\'s number; without it, the one that the policy belongs to' -r
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand iam-policy" -l config -d 'The configuration file; drop-ins are read from `config.d/*.toml` beside it' -r -F
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand iam-policy" -s h -l help -d 'Print help'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "run" -d 'Run the agent: observe, plan, check, apply, again and again (what systemd starts)'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "plan" -d 'Look and print what the agent would do, changing nothing. Exit code 2: something to do'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "observe" -d 'Record a snapshot, to be planned from with `plan --from`'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "status" -d 'Print the ensemble as this instance sees it'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "recover" -d 'Show what the survivors of a lost quorum have, and give leave to recover from them'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "connection-string" -d 'Print the servers as a client of ZooKeeper is given them: each address with its port'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "doctor" -d 'Look for what does not work, or may fail when it is needed; changes nothing. Exit code 2: errors, 3: warnings'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "check-config" -d 'Read the configuration, judge it, and print each value with its origin'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "may-start" -d 'Say whether the files on this instance\'s disk let its server start (what zookeeper.service asks first). Exit code 69: they do not'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "iam-policy" -d 'Print the least IAM policy for the features that are switched on, in JSON'
complete -c zk-bootstrap -n "__fish_zk_bootstrap_using_subcommand help; and not __fish_seen_subcommand_from run plan observe status recover connection-string doctor check-config may-start iam-policy help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
