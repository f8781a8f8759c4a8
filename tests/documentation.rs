//! What README and guide say is so: commands exist, links lead somewhere, rights are those that are used.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use serde_json::{Value, json};
use zk_bootstrap::cli::Cli;
use zk_bootstrap::model::rights::RIGHTS;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of a language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in document.lines() {
        match &mut open {
            None if line.trim() == fence => open = Some(String::new()),
            None => {}
            Some(_) if line.trim() == "```" => found.extend(open.take()),
            Some(block) => {
                block.push_str(line.trim_start());
                block.push('\n');
            }
        }
    }
    found
}

fn commands(document: &str) -> Vec<String> {
    let blocks = blocks(&text(document), "console").concat();
    let lines = blocks.lines().filter_map(|line| line.strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

/// The README, and each page of the guide.
fn pages() -> Vec<String> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let entries = std::fs::read_dir(guide).expect("the guide");
    let names = entries.map(|entry| entry.expect("a page").file_name());
    let pages = names.map(|name| format!("docs/{}", name.to_str().expect("UTF-8")));
    std::iter::once("README.md".to_owned())
        .chain(pages)
        .collect()
}

#[test]
fn every_command_of_the_readme_and_of_the_guide_is_one() {
    assert!(commands("README.md").len() >= 10);
    assert!(commands("docs/operate.md").len() >= 10);
    for page in pages() {
        are_commands(&commands(&page));
    }
}

/// A heading as it is named in links.
fn anchor(heading: &str) -> String {
    let lower = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

fn has_section(page: &str, wanted: &str) -> bool {
    let text = text(page);
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|heading| anchor(heading) == wanted)
}

#[test]
fn every_link_of_the_readme_and_of_the_guide_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        let directory = Path::new(&page).parent().expect("a directory");
        let text = text(&page);
        for (_, rest) in text
            .match_indices("](")
            .map(|(at, _)| text.split_at(at + 2))
        {
            let target = rest.split(')').next().unwrap_or_default();
            let (path, section) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() {
                page.clone()
            } else {
                directory.join(path).to_str().expect("UTF-8").to_owned()
            };
            let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
            assert!(there.exists(), "{page}: {target}");
            assert!(
                section.is_empty() || has_section(&path, section),
                "{page}: {target}"
            );
            followed += 1;
        }
    }
    assert!(followed >= 20, "{followed}");
}

#[test]
fn every_variable_of_the_way_to_an_image_is_one() {
    let document = text("docs/install.md");
    let template = text("packer/variables.pkr.hcl");
    for (_, rest) in document
        .match_indices("-var ")
        .map(|(at, _)| document.split_at(at + 5))
    {
        let name = rest
            .trim_start_matches('\'')
            .split('=')
            .next()
            .unwrap_or_default();
        assert!(
            template.contains(&format!("variable {name:?} {{")),
            "{name}"
        );
    }
    let roles = ["zookeeper", "zk_bootstrap"];
    let defaults = roles.map(|role| text(&format!("ansible/roles/{role}/defaults/main.yml")));
    let quoted = document.split('`').skip(1).step_by(2);
    let is_variable = |word: &&str| {
        roles
            .iter()
            .any(|role| word.starts_with(&format!("{role}_")))
    };
    let variables: BTreeSet<&str> = quoted.filter(is_variable).collect();
    assert!(variables.len() >= 10, "{variables:?}");
    for variable in variables {
        let defined = format!("\n{variable}:");
        assert!(
            defaults.iter().any(|text| text.contains(&defined)),
            "{variable}"
        );
    }
}

fn are_commands(commands: &[String]) {
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[0] {
            "make" => {
                let mut make = Command::new("make");
                make.arg("-n").args(&words[1..]);
                let made = make.current_dir(env!("CARGO_MANIFEST_DIR")).output();
                assert!(made.expect("make runs").status.success(), "{command}");
            }
            "zk-bootstrap" => {
                let words = words.iter().take_while(|word| **word != ">");
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{command}: {error}"));
            }
            // `make test-image` runs these as they are meant.
            "ansible-playbook" | "cargo" | "cd" | "packer" => {}
            // Judged by the models of the services: dev/cloud/test_stack.py.
            "aws" => {}
            other => panic!("{other}: is there a test for this command?"),
        }
    }
}

/// `logs:PutLogEvents` and the like, in quotes.
fn iam_actions(text: &str) -> BTreeSet<String> {
    let services = ["autoscaling", "ec2", "logs", "route53", "ssm"];
    let quoted = |service: &str| {
        let begin = format!("\"{service}:");
        let found = text.split(&begin).skip(1).filter_map(|rest| {
            let (action, _) = rest.split_once('"')?;
            let plain = !action.is_empty() && action.chars().all(char::is_alphanumeric);
            plain.then(|| format!("{service}:{action}"))
        });
        found.collect::<Vec<_>>()
    };
    services
        .iter()
        .flat_map(|service| quoted(service))
        .collect()
}

/// The code below a directory, without its comments.
fn code(directory: &Path) -> String {
    let mut code = String::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            code += &self::code(&path);
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("a source");
        let lines = source.lines();
        for line in lines.filter(|line| !line.trim_start().starts_with("//")) {
            code += line;
            code.push('\n');
        }
    }
    code
}

#[test]
fn the_table_of_rights_has_the_calls_that_the_code_makes_and_no_other() {
    let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"));
    let table = RIGHTS.iter().map(|right| right.call.to_owned());
    assert_eq!(table.collect::<BTreeSet<_>>(), iam_actions(&code));
}

/// What `iam-policy` prints with these settings.
fn iam_policy(settings: &Path, options: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zk-bootstrap"));
    command.arg("iam-policy").arg("--config").arg(settings);
    let output = command.args(options).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_policy_of_the_guide_is_what_the_command_beside_it_prints() {
    let page = text("docs/secure.md");
    let told: Value = serde_json::from_str(&blocks(&page, "json")[0]).expect("JSON");
    let command = "$ zk-bootstrap iam-policy --group my-group\n";
    assert!(page.contains(command));
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/config.toml");
    assert_eq!(told, iam_policy(&shipped, &["--group", "my-group"]));
}

#[test]
fn a_feature_that_is_switched_off_has_no_rights() {
    let settings = Path::new(env!("CARGO_TARGET_TMPDIR")).join("least.toml");
    let text = r#"
        region = "eu-central-1"
        [membership]
        scheme = "tags"
        tag_key = "ensemble"
        tag_value = "prod"
        [metrics]
        log_group = "/figures"
        [names]
        publish = "route53"
        zone_id = "Z0123456789"
        domain = "zk.example.com"
    "#;
    std::fs::write(&settings, text).expect("a file");
    let policy = iam_policy(&settings, &["--account", "123456789012"]);
    let register = "arn:aws:logs:eu-central-1:123456789012:log-group:/zookeeper/prod";
    let figures = "arn:aws:logs:eu-central-1:123456789012:log-group:/figures";
    let expected = json!([
        {
            "Sid": "ServerIds",
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:FilterLogEvents",
                "logs:PutLogEvents",
            ],
            "Resource": [register, format!("{register}:*")],
        },
        {
            "Sid": "Peers",
            "Effect": "Allow",
            "Action": ["ec2:DescribeInstances"],
            "Resource": ["*"],
            "Condition": { "StringEquals": { "aws:RequestedRegion": ["eu-central-1"] } },
        },
        {
            "Sid": "OwnTags",
            "Effect": "Allow",
            "Action": ["ec2:CreateTags"],
            "Resource": ["arn:aws:ec2:eu-central-1:123456789012:instance/*"],
            "Condition": {
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["zookeeper_id", "bootstrap_finished_time"],
                },
                "StringEquals": { "aws:ResourceTag/ensemble": ["prod"] },
            },
        },
        {
            "Sid": "Figures",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [figures, format!("{figures}:*")],
        },
        {
            "Sid": "DoctorSeesRetention",
            "Effect": "Allow",
            "Action": ["logs:DescribeLogGroups"],
            "Resource": ["*"],
            "Condition": { "StringEquals": { "aws:RequestedRegion": ["eu-central-1"] } },
        },
        {
            "Sid": "NamesInRoute53",
            "Effect": "Allow",
            "Action": ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"],
            "Resource": ["arn:aws:route53:::hostedzone/Z0123456789"],
            "Condition": {
                "ForAllValues:StringLike": {
                    "route53:ChangeResourceRecordSetsNormalizedRecordNames":
                        ["*.zk.example.com", "zk.example.com"],
                },
            },
        },
    ]);
    assert_eq!(policy["Statement"], expected);
}

#[test]
fn rights_that_nobody_could_name_are_refused_in_one_sentence() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/config.toml");
    for (options, said) in [
        (&[][..], "add --group NAME"),
        (
            &["--group", "zk", "--region", "Frankfurt"],
            "like \"eu-central-1\"",
        ),
        (&["--group", "zk", "--account", "1234"], "twelve digits"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zk-bootstrap"));
        command.arg("iam-policy").arg("--config").arg(&shipped);
        let output = command.args(options).output().expect("the binary runs");
        let answer = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{answer}");
        assert!(answer.contains(said), "{answer}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_hand_written_records_of_the_guide_are_records() {
    let page = text("docs/recover.md");
    let block = &blocks(&page, "json")[0];
    for line in block.lines() {
        serde_json::from_str::<zk_bootstrap::aws::record::Record>(line)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert_eq!(block.lines().count(), 2);
}

#[test]
fn sections_that_messages_point_at_exist() {
    let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let words: Vec<&str> = code
        .split_whitespace()
        .filter(|word| *word != "\\")
        .collect();
    let code = words.join(" ");
    let mut pointers = BTreeSet::new();
    for (at, _) in code.match_indices("\\\" in docs/") {
        let (before, after) = code.split_at(at);
        let section = before.rsplit("\\\"").next().unwrap_or_default();
        let page = after["\\\" in ".len()..]
            .split(".md")
            .next()
            .unwrap_or_default();
        pointers.insert((format!("{page}.md"), section.to_owned()));
    }
    assert_eq!(pointers.len(), 3, "{pointers:?}");
    for (page, section) in pointers {
        assert!(has_section(&page, &anchor(&section)), "{page}: {section}");
    }
}
