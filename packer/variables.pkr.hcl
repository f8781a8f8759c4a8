# What is installed, as a path on this machine: one of the two.
variable "package" {
  type        = string
  description = "The .deb or .rpm of zk-bootstrap."
  default     = ""
}

variable "binary" {
  type        = string
  description = "The binary of zk-bootstrap, without a package."
  default     = ""
}

variable "ansible" {
  type        = map(string)
  description = "Variables of the playbook: {zookeeper_heap_percent = 60}."
  default     = {}
}

variable "base" {
  type        = string
  description = "debian-12, ubuntu-24.04 or amazon-linux-2023; the newest image of it is taken."
  default     = "debian-12"

  validation {
    condition     = contains(["debian-12", "ubuntu-24.04", "amazon-linux-2023"], var.base)
    error_message = "The base is one of debian-12, ubuntu-24.04 and amazon-linux-2023."
  }
}

variable "base_owner" {
  type        = string
  description = "The account that owns the base image, when it is not the distribution's own."
  default     = null
}

variable "architecture" {
  type        = string
  description = "x86_64 or arm64: that of the binary."
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "The architecture is x86_64 or arm64."
  }
}

variable "name" {
  type        = string
  description = "How the image's name begins; the time follows."
  default     = "zookeeper"
}

variable "tags" {
  type        = map(string)
  description = "More tags of the image, its snapshot, and the instance that it is built on."
  default     = {}
}

variable "share_with" {
  type        = list(string)
  description = "Accounts that may launch the image; its key must be shared with them, too."
  default     = []
}

variable "region" {
  type        = string
  description = "Where the image is built and kept."
}

variable "instance_type" {
  type        = string
  description = "What it is built on."
  default     = "t3.small"
}

variable "volume_size" {
  type        = number
  description = "The root volume in GiB."
  default     = 8
}

variable "kms_key" {
  type        = string
  description = "The key of the image's volume; the account's own for EBS when it is empty."
  default     = ""
}

variable "vpc_id" {
  type        = string
  description = "The VPC to build in; the account's default VPC when it is empty."
  default     = ""
}

variable "subnet_id" {
  type        = string
  description = "The subnet to build in."
  default     = ""
}

variable "public_address" {
  type        = bool
  description = "Whether the instance that it is built on gets a public address."
  default     = true
}

variable "ssh_interface" {
  type        = string
  description = "How that instance is reached: public_ip, private_ip, session_manager."
  default     = "public_ip"
}

variable "instance_profile" {
  type        = string
  description = "The instance profile to build with; session_manager needs one."
  default     = ""
}

variable "ssh_keypair_name" {
  type        = string
  description = "A key pair of EC2's to build with; one is made for the build when it is empty."
  default     = ""
}

variable "ssh_private_key_file" {
  type        = string
  description = "That key pair's private key."
  default     = ""
}

variable "ec2_endpoint" {
  type        = string
  description = "EC2's address, where it is another than the region's: a VPC endpoint, an emulator."
  default     = ""
}

variable "manifest" {
  type        = string
  description = "The file that tells which image was made."
  default     = "manifest.json"
}
