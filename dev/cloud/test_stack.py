"""A stack of the shipped template is what the template says; a policy is what IAM makes of it."""

import unittest
from pathlib import Path

from botocore.exceptions import ClientError

from child import Child
from rights import Policy, Request

TEMPLATE = Path(__file__).parents[2].joinpath("cloudformation/zk-bootstrap.yaml").read_text()
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
        )
        cls.addClassCleanup(cls.cloud.close)
        cls.outputs = outputs(cls.cloud)

    def test_servers_hear_their_clients_on_2181_and_each_other_on_all_three_ports(self):
        servers, clients = self.outputs["ServerSecurityGroup"], self.outputs["ClientSecurityGroup"]
        (balancer,) = self.cloud.client("elbv2").describe_load_balancers()["LoadBalancers"]
        ec2 = self.cloud.client("ec2")
        (group,) = ec2.describe_security_groups(GroupIds=[servers])["SecurityGroups"]
        heard = {
            (each["FromPort"], each["ToPort"]): {pair["GroupId"] for pair in each["UserIdGroupPairs"]}
            | {block["CidrIp"] for block in each["IpRanges"]}
            for each in group["IpPermissions"]
        }
        expected = {
            (2181, 2181): {servers, clients, *balancer["SecurityGroups"], "10.1.0.0/16"},
            (2888, 2888): {servers},
            (3888, 3888): {servers},
        }
        self.assertEqual(heard, expected)

    def test_the_load_balancer_is_an_internal_one_for_tcp(self):
        elb = self.cloud.client("elbv2")
        (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
        self.assertEqual((balancer["Type"], balancer["Scheme"]), ("network", "internal"))
        self.assertEqual(self.outputs["ConnectionString"], balancer["DNSName"] + ":2181")
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
