//! An instance's first boot: its user data, as cloud-init carries it out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::cloud::Listed;
use super::instance::{Instance, inherited};

impl Instance {
    /// Takes the user data from the metadata service and runs it, with this instance's directory in
    /// the place of `/etc/zk-bootstrap`, and the emulated AWS in that of AWS. What it tells systemd
    /// is in `systemctl.log`.
    ///
    /// # Panics
    /// When it fails, or does not speak of what is to be put in place.
    pub fn carry_out_user_data(&self, launched: &Listed, endpoint: &str) {
        let mut script = self.user_data(&launched.imds);
        let home = self.home.display().to_string();
        for (theirs, ours) in [
            ("/etc/zk-bootstrap", home.as_str()),
            ("$home/super", "$home/secret"),
            ("http://169.254.169.254", &launched.imds),
            ("https://secretsmanager.eu-west-1.amazonaws.com", endpoint),
        ] {
            assert!(script.contains(theirs), "{theirs} is not in {script}");
            script = script.replace(theirs, ours);
        }
        // What the image has, and the first boot is to replace.
        fs::remove_file(self.home.join("secret")).expect("a file");
        let path = self.stub_systemctl();
        let mut command = Command::new("bash");
        command.args(["-c", &script]).stdin(Stdio::null());
        command.env_clear().envs(inherited()).env("PATH", path);
        let output = command.output().expect("bash runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{said}");
    }

    fn user_data(&self, imds: &str) -> String {
        let ask = format!(
            "token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
             {imds}/latest/api/token) && curl -fsS -H \"X-aws-ec2-metadata-token: $token\" \
             {imds}/latest/user-data"
        );
        let output = Command::new("bash").args(["-c", &ask]).output();
        let output = output.expect("bash runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Puts a `systemctl` that notes what it is told before all others.
    fn stub_systemctl(&self) -> String {
        let bin = self.home.join("bin");
        fs::create_dir_all(&bin).expect("a directory");
        let log = self.home.join("systemctl.log");
        let stub = bin.join("systemctl");
        let text = format!("#!/bin/sh\necho \"$@\" >>'{}'\n", log.display());
        fs::write(&stub, text).expect("a file");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&stub, executable).expect("our file");
        let path = std::env::var("PATH").expect("a path");
        format!("{}:{path}", bin.display())
    }
}
