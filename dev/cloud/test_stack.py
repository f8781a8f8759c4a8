"""A stack of the shipped template is what the template says; a policy is what IAM makes of it."""

import json
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from urllib.request import Request as Http
from urllib.request import urlopen

import boto3
from botocore.exceptions import ClientError
from cfnlint.decode import cfn_yaml

from child import Child
from rights import Policy, Request

PATH = Path(__file__).parents[2] / "cloudformation/zk-bootstrap.yaml"
TEMPLATE = PATH.read_text()
IMAGE = {"ImageId": "ami-12345678"}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ops"


def start(**parameters) -> Child:
    return Child(template=TEMPLATE, parameters={**IMAGE, **parameters})


def outputs(cloud: Child) -> dict[str, str]:
    (stack,) = cloud.client("cloudformation").describe_stacks(StackName="zk")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


class DefaultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = start()
        cls.addClassCleanup(cls.cloud.close)
        cls.instances = cls.cloud.started["instances"]

    def test_the_first_instances_are_held_by_the_launching_hook(self):
        self.assertEqual([each["lifecycle"] for each in self.instances], ["Pending:Wait"] * 3)
        self.assertEqual({each["tags"]["Name"] for each in self.instances}, {"zk"})
        self.assertEqual([each["zone"][-1] for each in self.instances], ["a", "b", "c"])

    def test_the_register_never_expires_and_the_metrics_do(self):
        groups = self.cloud.client("logs").describe_log_groups()["logGroups"]
        kept = {each["logGroupName"]: each.get("retentionInDays") for each in groups}
        self.assertEqual(kept, {"/zookeeper/zk": None, "/zookeeper/zk/metrics": 30})

    def test_what_is_by_choice_is_not_there(self):
        self.assertEqual(self.cloud.client("elbv2").describe_load_balancers()["LoadBalancers"], [])
        self.assertEqual(self.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"], [])
        self.assertNotIn("ConnectionString", outputs(self.cloud))

    def test_an_update_changes_the_group_and_leaves_its_instances(self):
        cloudformation, autoscaling = map(self.cloud.client, ("cloudformation", "autoscaling"))
        kept = [{"ParameterKey": key, "UsePreviousValue": True} for key in ("VpcId", "SubnetIds")]
        image = {"ParameterKey": "ImageId", "ParameterValue": "ami-87654321"}
        cloudformation.update_stack(StackName="zk", TemplateBody=TEMPLATE, Parameters=[*kept, image])
        (group,) = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        before = {each["id"] for each in self.instances}
        self.assertEqual({each["InstanceId"] for each in group["Instances"]}, before)
        self.assertEqual(group["LaunchTemplate"]["Version"], "2")

    def test_a_call_without_its_right_is_denied_and_counted(self):
        (first, *_) = self.instances
        reads = {"Effect": "Allow", "Action": ["ec2:DescribeInstances"], "Resource": ["*"]}
        self.cloud("restrict", policy={"Statement": [reads]})
        ec2 = self.cloud.client("ec2", key=first["access_key"])
        ec2.describe_instances()
        with self.assertRaisesRegex(ClientError, "UnauthorizedOperation"):
            ec2.create_tags(Resources=[first["id"]], Tags=[{"Key": "zookeeper_id", "Value": "1"}])
        self.assertEqual(self.cloud("denied"), {first["id"]: {"ec2:CreateTags": 1}})


class ChoicesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cloud = start(
            Capacity="5",
            ClientCidr="10.1.0.0/16",
            LoadBalancer="yes",
            AlarmTopicArn=TOPIC,
            MetricsRetention="7",
            ZooKeeperVersion="3.9.5",
            DomainName="zk.example.internal",
        )
        cls.addClassCleanup(cls.cloud.close)
        cls.outputs = outputs(cls.cloud)

    def test_servers_hear_their_clients_on_2181_and_each_other_on_all_three_ports(self):
        servers, clients = self.outputs["ServerSecurityGroup"], self.outputs["ClientSecurityGroup"]
        (balancer,) = self.cloud.client("elbv2").describe_load_balancers()["LoadBalancers"]
        (front,) = balancer["SecurityGroups"]
        expected = {
            (2181, 2181): {servers, clients, front, "10.1.0.0/16"},
            (2888, 2888): {servers},
            (3888, 3888): {servers},
        }
        self.assertEqual(self.heard(servers), expected)
        self.assertEqual(self.heard(front), {(2181, 2181): {clients, "10.1.0.0/16"}})

    def heard(self, group: str) -> dict[tuple[int, int], set[str]]:
        """Whom a security group lets in, by ports."""
        ec2 = self.cloud.client("ec2")
        (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return {
            (each["FromPort"], each["ToPort"]): {pair["GroupId"] for pair in each["UserIdGroupPairs"]}
            | {block["CidrIp"] for block in each["IpRanges"]}
            for each in found["IpPermissions"]
        }

    def test_the_load_balancer_is_an_internal_one_for_tcp(self):
        elb = self.cloud.client("elbv2")
        (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
        self.assertEqual((balancer["Type"], balancer["Scheme"]), ("network", "internal"))
        arn = balancer["LoadBalancerArn"]
        (listener,) = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        self.assertEqual((listener["Protocol"], listener["Port"]), ("TCP", 2181))

    def test_there_are_three_alarms(self):
        alarms = self.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
        names = {each["AlarmName"].split("-")[1] for each in alarms}
        self.assertEqual(names, {"NoQuorum", "FewerVoters", "RecoveryHappened"})
        self.assertEqual({tuple(each["AlarmActions"]) for each in alarms}, {(TOPIC,)})

    def test_capacity_and_retention_are_as_chosen(self):
        self.assertEqual(len(self.cloud.started["instances"]), 5)
        groups = self.cloud.client("logs").describe_log_groups()["logGroups"]
        self.assertIn(7, [each.get("retentionInDays") for each in groups])

    def test_names_are_in_a_private_zone_of_the_vpc_which_the_agents_may_change_and_nothing_else(self):
        (zone,) = self.cloud.client("route53").list_hosted_zones()["HostedZones"]
        self.assertEqual((zone["Name"], zone["Config"]["PrivateZone"]), ("zk.example.internal.", True))
        self.assertEqual(self.outputs["ConnectionString"], "zk.example.internal:2181")
        zone_id = zone["Id"].rpartition("/")[2]
        self.assertIn(
            f'publish = "route53"\nzone_id = "{zone_id}"\ndomain = "zk.example.internal"\n', self.asked()
        )
        asked = {"RoleName": self.outputs["RoleName"], "PolicyName": "agent"}
        document = self.cloud("call", service="iam", action="get_role_policy", arguments=asked)["PolicyDocument"]
        (statement,) = [each for each in document["Statement"] if each["Sid"] == "NamesInRoute53"]
        self.assertEqual(statement["Resource"], [f"arn:aws:route53:::hostedzone/{zone_id}"])
        (names,) = statement["Condition"]["ForAllValues:StringLike"].values()
        self.assertEqual(names, ["*.zk.example.internal", "zk.example.internal"])

    def asked(self) -> str:
        """The user data, as an instance asks for it."""
        imds = self.cloud.started["instances"][0]["imds"]
        seconds = {"x-aws-ec2-metadata-token-ttl-seconds": "60"}
        token = urlopen(Http(f"{imds}/latest/api/token", method="PUT", headers=seconds)).read().decode()
        asked = Http(f"{imds}/latest/user-data", headers={"x-aws-ec2-metadata-token": token})
        return urlopen(asked).read().decode()

    def user_data(self, home: str, script: str) -> subprocess.CompletedProcess:
        """Runs the user data, with `home` for /etc/zk-bootstrap and a script for ZooKeeper's."""
        server = Path(home) / "zkServer.sh"
        server.write_text(f"#!/bin/sh\n{script}\n")
        server.chmod(0o755)
        data = self.asked().replace("/usr/share/zookeeper/bin/zkServer.sh", str(server))
        data = data.replace("/etc/zk-bootstrap", home)
        return subprocess.run(["bash", "-c", data], capture_output=True, text=True, timeout=60)

    def test_an_image_with_another_zookeeper_stays_out_and_says_so(self):
        for script, found in (
            ("echo Apache ZooKeeper, version 3.8.0 2024-12-29 17:54 UTC", "3.8.0"),
            ("echo Error: no Java; exit 1", "unknown"),
        ):
            with self.subTest(found=found), tempfile.TemporaryDirectory(prefix="zks") as home:
                ran = self.user_data(home, script)
                said = f"zk-bootstrap: the image has ZooKeeper {found}, not 3.9.5: this instance stays out\n"
                self.assertEqual((ran.returncode, ran.stderr), (1, said))
                self.assertEqual([each.name for each in Path(home).iterdir()], ["zkServer.sh"])


class TemplateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        template = cfn_yaml.load(str(PATH))
        cls.parameters, cls.resources = template["Parameters"], template["Resources"]

    def test_a_parameter_that_is_wrong_is_refused_with_one_sentence(self):
        cases = {
            "InstanceType": (["t3.medium", "m7g.large", "u-6tb1.metal"], ["", "t3", "T3.medium", "t3.medium; x"]),
            "ZooKeeperVersion": (["", "3.8.0", "3.9.5"], ["3.9", "v3.9.5", "latest", "3.9.5'"]),
            "ZooKeeperHeap": (["", "512m", "4g"], ["0g", "4", "4G", "4gb", '1g"']),
            "ClientSecurityGroupId": (["", "sg-0123456789abcdef0"], ["sg-1", "default", "SG-01234567"]),
            "ClientCidr": (["", "10.1.0.0/16", "192.168.7.9/32"], ["0.0.0.0/0", "10.1.0.0", "10.1.0.0/33"]),
            "DomainName": (
                ["", "zk.example.internal", "a.b"],
                ["zk", "ZK.example", "zk.example.", "-a.b", "zk_1.example"],
            ),
            "HostedZoneId": (["", "Z0123456789ABCDEFGHIJ"], ["z0123456789", "/hostedzone/Z0123456789"]),
            "AlarmTopicArn": (
                ["", TOPIC, "arn:aws-cn:sns:cn-north-1:123456789012:ops.fifo"],
                ["ops", "arn:aws:sqs:eu-west-1:123456789012:ops"],
            ),
        }
        patterns = {name for name, each in self.parameters.items() if "AllowedPattern" in each}
        self.assertEqual(patterns, set(cases))
        for name, (right, wrong) in cases.items():
            asked = self.parameters[name]
            fits = [text for text in right + wrong if re.fullmatch(asked["AllowedPattern"], text)]
            self.assertEqual(fits, right, name)

    def test_every_limit_on_a_parameter_has_its_sentence(self):
        for name, asked in self.parameters.items():
            limited = {"AllowedPattern", "MinValue"} & set(asked) or len(asked.get("AllowedValues", [])) > 2
            if limited:
                self.assertRegex(asked["ConstraintDescription"], "^must be ", name)

    def test_metadata_are_asked_with_a_token_from_the_instance_itself_and_the_disk_is_encrypted(self):
        data = self.resources["Template"]["Properties"]["LaunchTemplateData"]
        options = data["MetadataOptions"]
        self.assertEqual((options["HttpTokens"], options["HttpPutResponseHopLimit"]), ("required", 1))
        self.assertIs(data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"], True)

    def test_the_register_outlives_the_stack(self):
        register = self.resources["Register"]
        self.assertEqual(register["DeletionPolicy"], "RetainExceptOnCreate")
        self.assertEqual(register["UpdateReplacePolicy"], "Retain")
        self.assertNotIn("RetentionInDays", register["Properties"])

    def test_whoever_judges_templates_has_nothing_to_say(self):
        self.assertEqual(self.judged(TEMPLATE), [])
        typo = TEMPLATE.replace("RetentionInDays", "RetentionInDay")
        self.assertIn("RetentionInDay", json.dumps(self.judged(typo)))

    def judged(self, template: str) -> list:
        judge = Path(sys.executable).with_name("cfn-lint")
        with tempfile.NamedTemporaryFile("w", prefix="zks", suffix=".yaml") as file:
            file.write(template)
            file.flush()
            command = [judge, "--include-checks", "I", "--format", "json", "--", file.name]
            return json.loads(subprocess.run(command, capture_output=True, text=True).stdout)


class DocumentationTest(unittest.TestCase):
    GUIDE = PATH.parents[1] / "docs/deploy.md"
    README = PATH.parents[1] / "README.md"

    def commands(self) -> list[list[str]]:
        text = self.README.read_text() + self.GUIDE.read_text()
        blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        lines = "".join(blocks).splitlines()
        return [shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ aws ")]

    def test_every_command_of_the_guide_is_one(self):
        commands = self.commands()
        self.assertGreaterEqual(len(commands), 8)
        for aws, service, command, *rest in commands:
            with self.subTest(command=command):
                self.assertEqual(aws, "aws")
                given = {word.removeprefix("--").replace("-", "") for word in rest if word[:2] == "--"}
                self.assertLessEqual(given - {"query"}, self.options(service, command, rest))

    def options(self, service: str, command: str, rest: list[str]) -> set[str]:
        """The options that a command takes, without their hyphens."""
        if command == "deploy":
            # The command line's own, which no service's model has.
            overridden = {word.split("=")[0] for word in rest if re.match("[A-Z][A-Za-z]+=", word)}
            self.assertLessEqual(overridden, set(cfn_yaml.load(str(PATH))["Parameters"]))
            return {"stackname", "templatefile", "capabilities", "parameteroverrides"}
        client = boto3.client(service, region_name="eu-west-1")
        if command == "wait":
            waiter = rest[0].replace("-", "_")
            self.assertIn(waiter, client.waiter_names)
            command = "describe-stacks"
        operation = client.meta.method_to_api_mapping[command.replace("-", "_")]
        model = client.meta.service_model.operation_model(operation)
        return {name.lower() for name in model.input_shape.members}

    def test_every_parameter_is_explained(self):
        explained = set(re.findall(r"`([A-Z][A-Za-z]+)`", self.GUIDE.read_text().split("### The two")[0]))
        self.assertLessEqual(set(cfn_yaml.load(str(PATH))["Parameters"]), explained)


class PolicyTest(unittest.TestCase):
    def allows(self, resource: str, condition: dict | None = None, **context) -> bool:
        statement = {"Effect": "Allow", "Action": ["a:B"], "Resource": ["arn:x:z/*", "arn:${*}"]}
        policy = Policy({"Statement": [statement | {"Condition": condition or {}}]})
        return policy.allows(Request("a:B", [resource], context))

    def test_a_star_is_anything_and_a_star_that_is_meant_is_one(self):
        found = {text: self.allows(text) for text in ("arn:x:z/1", "arn:x:z/", "arn:x:z", "arn:*", "arn:y")}
        self.assertEqual([text for text, fits in found.items() if fits], ["arn:x:z/1", "arn:x:z/", "arn:*"])

    def test_a_condition_on_a_key_without_a_value_does_not_hold(self):
        condition = {"StringEquals": {"k": ["v"]}}
        self.assertTrue(self.allows("arn:x:z/1", condition, k=["v"]))
        self.assertFalse(self.allows("arn:x:z/1", condition, k=["v", "w"]))
        self.assertFalse(self.allows("arn:x:z/1", condition))

    def test_what_is_not_simulated_is_refused(self):
        for statement in ({"Effect": "Deny"}, {"Effect": "Allow", "Condition": {"StringLike": {}}}):
            with self.subTest(statement=statement), self.assertRaisesRegex(ValueError, "not simulated"):
                Policy({"Statement": [statement]})


if __name__ == "__main__":
    unittest.main()
