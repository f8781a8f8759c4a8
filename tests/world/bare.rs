//! A server configured by hand, without an agent: what the agents are measured against.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zk_bootstrap::zookeeper::secret::Secret;

use super::instance::{Image, SECRET, inherited};

/// A server of a world.
pub struct BareServer {
    /// Its id.
    pub id: u8,
    /// Its loopback address.
    pub address: Ipv4Addr,
    home: PathBuf,
    zookeeper: PathBuf,
    world: PathBuf,
}

impl BareServer {
    /// Writes its files: these members with their roles; `initialize` if it may vote with an empty
    /// disk.
    pub fn new(
        world: &Path,
        image: &Image,
        id: u8,
        members: &[(u8, Ipv4Addr, &str)],
        initialize: bool,
    ) -> Self {
        let address = members.iter().find(|m| m.0 == id).expect("a member").1;
        let home = world.join(format!("bare-{id}"));
        let (data, conf) = (home.join("data"), home.join("conf"));
        for directory in [&data, &conf, &home.join("logs")] {
            fs::create_dir_all(directory).expect("a directory");
        }
        fs::write(data.join("myid"), id.to_string()).expect("a file");
        if initialize {
            fs::write(data.join("initialize"), "").expect("a file");
        }
        let lines = members
            .iter()
            .map(|(id, address, role)| line(*id, *address, role) + "\n");
        let dynamic = conf.join("zoo.cfg.dynamic");
        fs::write(&dynamic, lines.collect::<String>()).expect("a file");
        let digest = Secret::new(SECRET).expect("a secret").digest();
        let static_part = format!(
            "tickTime=2000\ninitLimit=10\nsyncLimit=5\nstandaloneEnabled=false\n\
             reconfigEnabled=true\ndb.autocreate=false\nadmin.enableServer=false\n\
             4lw.commands.whitelist=*\nDigestAuthenticationProvider.superDigest={digest}\n\
             dataDir={}\ndynamicConfigFile={}\n",
            data.display(),
            dynamic.display()
        );
        fs::write(conf.join("zoo.cfg"), static_part).expect("a file");
        BareServer {
            id,
            address,
            home,
            zookeeper: image.zookeeper.clone(),
            world: world.to_owned(),
        }
    }

    /// Starts it.
    pub fn start(&self) {
        let mut command = Command::new(self.zookeeper.join("bin/zkServer.sh"));
        command
            .arg("start")
            .arg(self.home.join("conf/zoo.cfg"))
            .env_clear()
            .envs(inherited())
            .env("ZOO_LOG_DIR", self.home.join("logs"))
            .env("ZK_WORLD", &self.world)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // The script sleeps for a second after its server is there.
        let mut script = command.spawn().expect("zkServer.sh runs");
        std::thread::spawn(move || script.wait());
    }
}

/// A member's line in a dynamic file or a reconfig.
pub fn line(id: u8, address: Ipv4Addr, role: &str) -> String {
    format!("server.{id}={address}:2888:3888:{role};{address}:2181")
}
