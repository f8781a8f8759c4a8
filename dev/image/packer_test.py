"""Packer's template: read by a parser, judged and built from by Packer 1.6.6 (without what that
does not know: strip.py), with moto as EC2 and a machine with systemd, over ssh, as the instance.

`make test-image` runs it, as root, after the image was baked once: the machine is a copy of that
without the agent, so that the build needs no download. Network, mounts and processes are its own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import boto3
import hcl2

PROJECT = Path(__file__).resolve().parents[2]
KEPT = PROJECT / "target/dev/image"
TEMPLATES = PROJECT / "packer"
BINARY = PROJECT / "target/debug/zk-bootstrap"
REGION = "eu-west-1"
# What the role installs, which the machine is not to have before.
INSTALLED = (
    "usr/bin/zk-bootstrap",
    "usr/lib/systemd/system/zk-bootstrap.service",
    "usr/lib/systemd/system/zookeeper.service",
    "etc/zk-bootstrap/super",
    "etc/systemd/system/multi-user.target.wants/zk-bootstrap.service",
)
DEADLINE = 60
# The account that owns Debian's images (wiki.debian.org, "Cloud/AmazonEC2Image").
DEBIAN = "136693071363"
NEWEST = 2


def run(*words: str, **options) -> str:
    """Runs a program to its end; what it printed."""
    done = subprocess.run(words, capture_output=True, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def within(seconds: float, what: str, ask, log: Path | None = None):
    """Asks until there is an answer; without one, the log is shown."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.1)
    said = log.read_text() if log else ""
    raise AssertionError(f"waited {seconds} s for {what}\n{said}")


def blocks(name: str) -> dict:
    with open(TEMPLATES / name) as file:
        return hcl2.load(file)


class Template(unittest.TestCase):
    """The template as it is shipped, newer syntax included."""

    def test_instances_of_the_build_and_of_the_image_have_imdsv2_and_encrypted_disks(self):
        source = blocks("zookeeper.pkr.hcl")["source"][0]['"amazon-ebs"']['"zookeeper"']
        options = source["metadata_options"][0]
        self.assertEqual(text(options["http_tokens"]), "required")
        self.assertEqual(text(source["imds_support"]), "v2.0")
        self.assertIs(source["encrypt_boot"], True)
        (disk,) = source["launch_block_device_mappings"]
        self.assertIs(disk["encrypted"], True)
        (wanted,) = source["source_ami_filter"]
        self.assertIs(wanted["most_recent"], True)
        self.assertTrue(wanted["owners"])

    def test_its_plugins_are_named(self):
        (packer,) = blocks("zookeeper.pkr.hcl")["packer"]
        (plugins,) = packer["required_plugins"]
        named = {name for name in plugins if not name.startswith("__")}
        self.assertEqual(named, {"amazon", "ansible"})

    def test_every_variable_says_what_it_is(self):
        for variable in blocks("variables.pkr.hcl")["variable"]:
            for name, body in variable.items():
                if not name.startswith("__"):
                    self.assertTrue(text(body["description"]).endswith("."), name)

    def test_it_is_formatted(self):
        run("packer", "fmt", "-check", "-diff", str(TEMPLATES))


class Build(unittest.TestCase):
    """A build from its beginning to its image."""

    def setUp(self):
        self.work = Path(tempfile.mkdtemp(prefix="zki-packer-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.packer = self.work / "packer"
        self.packer.mkdir()
        run(sys.executable, str(Path(__file__).with_name("strip.py")), str(TEMPLATES), str(self.packer))
        # The template finds the playbook beside itself.
        (self.work / "ansible").symlink_to(PROJECT / "ansible")

    def test_wrong_variables_are_refused_in_one_sentence(self):
        for wrong, said in (
            (("base=debian-11",), "The base is one of"),
            (("architecture=sparc",), "The architecture is"),
            (("regoin=x",), "regoin"),
        ):
            variables = [word for each in (*wrong, "region=x") for word in ("-var", each)]
            done = subprocess.run(
                ["packer", "validate", *variables, "."], cwd=self.packer, capture_output=True, text=True
            )
            self.assertNotEqual(done.returncode, 0, wrong)
            self.assertIn(said, " ".join((done.stdout + done.stderr).split()), wrong)

    def test_a_build_makes_an_encrypted_image_with_the_agent_and_cleans_up_behind_itself(self):
        cloud = Cloud(self.work)
        self.addCleanup(cloud.close)
        ec2 = cloud.client("ec2")
        key = self.work / "key"
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        ec2.import_key_pair(KeyName="build", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
        variables = {
            "region": REGION, "ec2_endpoint": cloud.endpoint,
            "vpc_id": cloud.vpc, "subnet_id": cloud.subnet, "ssh_interface": "private_ip",
            "public_address": "false", "ssh_keypair_name": "build", "ssh_private_key_file": str(key),
            "binary": str(BINARY), "manifest": str(self.work / "manifest.json"),
        }
        words = [word for key_, value in variables.items() for word in ("-var", f"{key_}={value}")]
        environment = {
            "PATH": f"{KEPT / 'python/bin'}:{os.environ['PATH']}", "HOME": str(self.work),
            "AWS_ACCESS_KEY_ID": "emulated", "AWS_SECRET_ACCESS_KEY": "emulated",
            "CHECKPOINT_DISABLE": "1",
        }
        run("packer", "validate", *words, ".", cwd=self.packer, env=environment)
        log = self.work / "packer.log"
        with open(log, "w") as out:
            build = subprocess.Popen(
                ["packer", "build", "-color=false", *words, "."],
                cwd=self.packer, env=environment, stdout=out, stderr=out,
            )
        self.addCleanup(build.kill)
        address = within(DEADLINE, "an instance", lambda: launched(ec2), log)
        self.assertEqual(alive(ec2)[0]["ImageId"], f"ami-{NEWEST}")
        machine = Machine(self.work, address, key.with_suffix(".pub").read_text())
        self.addCleanup(machine.kill)
        status = build.wait(timeout=600)
        self.assertEqual(status, 0, log.read_text())
        for installed in INSTALLED:
            self.assertTrue(os.path.lexists(machine.root / installed), installed)
        self.assertEqual((machine.root / "etc/machine-id").read_text(), "")
        self.assertEqual(list((machine.root / "etc/ssh").glob("ssh_host_*")), [])
        (made,) = json.loads((self.work / "manifest.json").read_text())["builds"]
        image = made["artifact_id"].removeprefix(f"{REGION}:")
        (image,) = ec2.describe_images(ImageIds=[image])["Images"]
        tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
        self.assertEqual(tags["component"], "zookeeper")
        self.assertEqual(tags["Name"], image["Name"])
        self.assertEqual(alive(ec2), [])


class Cloud:
    """cloud.py's EC2, which is moto's, on loopback: its subnet's addresses are this machine's own."""

    def __init__(self, work: Path):
        amis = work / "amis.json"
        amis.write_text(json.dumps(bases()))
        python = PROJECT / "target/dev/python/bin/python3"
        self._process = subprocess.Popen(
            [python, "-B", PROJECT / "dev/cloud/cloud.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "MOTO_AMIS_PATH": str(amis)},
        )
        self._process.stdin.write(json.dumps({"cmd": "start", "net": "127.90.1", "zones": 1}) + "\n")
        self._process.stdin.flush()
        self.endpoint = json.loads(self._process.stdout.readline())["ok"]["endpoint"]
        (subnet,) = [
            each for each in self.client("ec2").describe_subnets()["Subnets"]
            if each["CidrBlock"].startswith("127.90.1.")
        ]
        self.subnet, self.vpc = subnet["SubnetId"], subnet["VpcId"]

    def client(self, service: str):
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION,
            aws_access_key_id="emulated", aws_secret_access_key="emulated",
        )

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


class Machine:
    """The instance: a copy of the baked root, over which sshd waits at the instance's address."""

    def __init__(self, work: Path, address: str, public_key: str):
        self.root = work / "root"
        disk = work / "disk"
        for part in (self.root, disk):
            part.mkdir()
        run("mount", "-t", "tmpfs", "tmpfs", str(disk))
        for part in ("written", "work"):
            (disk / part).mkdir()
        layers = f"lowerdir={KEPT / 'image'}:{KEPT / 'base'},upperdir={disk / 'written'},workdir={disk / 'work'}"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        for installed in INSTALLED:
            (self.root / installed).unlink()
        # What a distribution's image and cloud-init do: a user, its key, fresh lists of packages.
        inside = ["chroot", str(self.root)]
        run(*inside, "useradd", "--create-home", "--shell", "/bin/bash", "admin")
        (self.root / "etc/sudoers.d/admin").write_text("admin ALL=(ALL) NOPASSWD:ALL\n")
        keys = self.root / "home/admin/.ssh"
        keys.mkdir(mode=0o700)
        (keys / "authorized_keys").write_text(public_key)
        run(*inside, "chown", "-R", "admin:admin", "/home/admin/.ssh")
        (self.root / "etc/ssh/sshd_config.d/build.conf").write_text(f"ListenAddress {address}\n")
        run(*inside, "ssh-keygen", "-A")
        run(*inside, "systemctl", "enable", "--quiet", "ssh")
        os.utime(self.root / "var/lib/apt/lists")
        name = "zki-packer"
        self._cgroups = [top / name for top in tops()]
        for cgroup in self._cgroups:
            cgroup.mkdir(exist_ok=True)
        script = PROJECT / "tests/image/boot.sh"
        self._console = open(work / "console", "w")
        self._nspawn = subprocess.Popen(
            [script, name, self.root, *self._cgroups, "--", "--resolv-conf=off"],
            stdin=subprocess.DEVNULL, stdout=self._console, stderr=self._console,
        )

    def kill(self):
        (self._cgroups[0] / "cgroup.kill").write_text("1")
        self._nspawn.kill()
        self._nspawn.wait()
        self._console.close()
        for cgroup in self._cgroups:
            within(10, "a cgroup to be empty", lambda: removed(cgroup))


def tops() -> list[Path]:
    """Where a machine has its cgroups, that of version 2 first."""
    top = Path("/sys/fs/cgroup")
    if (top / "cgroup.procs").exists():
        return [top]
    return [top / each for each in ("unified", "systemd", "memory")]


def removed(cgroup: Path) -> bool:
    """Removes a cgroup and those in it, once no process is left."""
    try:
        for directory, _, _ in os.walk(cgroup, topdown=False):
            os.rmdir(directory)
    except OSError:
        return False
    return True


def bases() -> list[dict]:
    """Images, as moto takes them: Debian's newest, an older one, and a newer one of a stranger's."""
    return [
        {
            "ami_id": f"ami-{number}", "name": f"debian-12-amd64-{date}-1", "owner_id": owner,
            "creation_date": f"{date}T00:00:00.000Z", "architecture": "x86_64", "public": True,
            "virtualization_type": "hvm", "root_device_type": "ebs", "root_device_name": "/dev/xvda",
        }
        for number, date, owner in (
            (1, "2026-10-01", DEBIAN), (NEWEST, "2026-11-01", DEBIAN), (3, "2026-11-02", "123456789012"),
        )
    ]


def alive(ec2) -> list[dict]:
    found = [each for r in ec2.describe_instances()["Reservations"] for each in r["Instances"]]
    return [each for each in found if each["State"]["Name"] not in ("terminated", "shutting-down")]


def launched(ec2) -> str | None:
    found = alive(ec2)
    return found[0]["PrivateIpAddress"] if found else None


def text(value) -> str:
    """A string as the parser gives it: with its quotes or without."""
    return value.strip('"')


if __name__ == "__main__":
    unittest.main()
