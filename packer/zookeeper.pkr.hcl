# An image of an ensemble's instances: ZooKeeper, zk-bootstrap, and nothing that is one instance's
# own. What may be set is in variables.pkr.hcl; docs/install.md says how.

packer {
  required_version = ">= 1.10.0"

  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0"
    }
    ansible = {
      source  = "github.com/hashicorp/ansible"
      version = ">= 1.1.0"
    }
  }
}

locals {
  # The newest image of each distribution, by its owner and its name.
  bases = {
    "debian-12" = {
      owner  = "136693071363"
      name   = "debian-12-${local.debian_architecture}-*"
      user   = "admin"
      device = "/dev/xvda"
    }
    "ubuntu-24.04" = {
      owner  = "099720109477"
      name   = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${local.debian_architecture}-server-*"
      user   = "ubuntu"
      device = "/dev/sda1"
    }
    "amazon-linux-2023" = {
      owner  = "137112412989"
      name   = "al2023-ami-2023.*-kernel-*-${var.architecture}"
      user   = "ec2-user"
      device = "/dev/xvda"
    }
  }
  base                = local.bases[var.base]
  debian_architecture = var.architecture == "arm64" ? "arm64" : "amd64"
  stamp               = formatdate("YYYYMMDD-hhmmss", timestamp())

  tags = merge(var.tags, {
    Name      = "${var.name}-${local.stamp}"
    component = "zookeeper"
    base      = var.base
  })
}

source "amazon-ebs" "zookeeper" {
  region              = var.region
  custom_endpoint_ec2 = var.ec2_endpoint
  ami_name            = "${var.name}-${local.stamp}"
  ami_description     = "ZooKeeper and zk-bootstrap on ${var.base}"
  ami_users           = var.share_with

  instance_type               = var.instance_type
  vpc_id                      = var.vpc_id
  subnet_id                   = var.subnet_id
  associate_public_ip_address = var.public_address
  iam_instance_profile        = var.instance_profile

  source_ami_filter {
    filters = {
      name                = local.base.name
      architecture        = var.architecture
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = [coalesce(var.base_owner, local.base.owner)]
    most_recent = true
  }

  # The build's own metadata service, and that of every instance of the image.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  imds_support = "v2.0"

  # The build's volume, and the image's.
  encrypt_boot = true
  kms_key_id   = var.kms_key
  launch_block_device_mappings {
    device_name           = local.base.device
    volume_type           = "gp3"
    volume_size           = var.volume_size
    iops                  = 3000
    throughput            = 125
    encrypted             = true
    delete_on_termination = true
  }

  communicator              = "ssh"
  ssh_username              = local.base.user
  ssh_interface             = var.ssh_interface
  ssh_keypair_name          = var.ssh_keypair_name
  ssh_private_key_file      = var.ssh_private_key_file
  temporary_key_pair_type   = "ed25519"
  ssh_clear_authorized_keys = true
  ssh_timeout               = "10m"

  tags            = local.tags
  snapshot_tags   = local.tags
  run_tags        = local.tags
  run_volume_tags = local.tags
}

build {
  sources = ["source.amazon-ebs.zookeeper"]

  # An instance that is still setting itself up holds the package manager's lock.
  provisioner "shell" {
    inline = ["if command -v cloud-init >/dev/null; then sudo cloud-init status --wait; fi"]
  }

  provisioner "ansible" {
    playbook_file = "${path.root}/../ansible/playbook.yml"
    user          = local.base.user
    use_proxy     = false
    ansible_env_vars = [
      "ANSIBLE_CONFIG=${path.root}/../ansible/ansible.cfg",
      "ANSIBLE_HOST_KEY_CHECKING=False",
    ]
    extra_arguments = ["--extra-vars", jsonencode(merge(var.ansible, {
      zk_bootstrap_package = var.package
      zk_bootstrap_binary  = var.binary
    }))]
  }

  # What is one machine's own: the instances of the image make theirs at their first boot.
  provisioner "shell" {
    execute_command = "sudo sh -eu {{ .Path }}"
    inline = [
      "if command -v cloud-init >/dev/null; then cloud-init clean --logs --seed; fi",
      "rm -f /etc/ssh/ssh_host_* /var/lib/systemd/random-seed",
      "truncate --size=0 /etc/machine-id",
      "journalctl --quiet --rotate && journalctl --quiet --vacuum-time=1s",
    ]
  }

  post-processor "manifest" {
    output     = var.manifest
    strip_path = true
    custom_data = {
      base   = var.base
      region = var.region
    }
  }
}
