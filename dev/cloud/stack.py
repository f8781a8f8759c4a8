"""What CloudFormation makes on AWS and moto 5.2.5's does not, so that a stack is what its template says.

moto finds a model of a resource type by its class; these are of the types that it lacks. Beside
them: a group's lifecycle hooks are there before its first instance, an update changes a group
instead of making another, also when its launch template alone changes, a load balancer and
a hosted zone are of the type that the template says, and a role's policies are JSON.

Not simulated: the template's rules and its parameters' patterns, the managed policies of a role,
and retained resources of a stack that is deleted.
"""

import json

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.backends import get_backend
from moto.cloudformation.parsing import ResourceMap
from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat
from moto.core.common_models import CloudFormationModel
from moto.elbv2.models import FakeLoadBalancer
from moto.iam.models import Role
from moto.route53.models import FakeZone

import scaling_api
from group import Group


def install():
    """Puts the corrections into moto's models; a second time changes nothing."""
    FakeAutoScalingGroup.create_from_cloudformation_json = classmethod(_create_group)
    FakeAutoScalingGroup.update_from_cloudformation_json = classmethod(_update_group)
    FakeLoadBalancer.create_from_cloudformation_json = classmethod(_create_load_balancer)
    Role.create_from_cloudformation_json = classmethod(_create_role)
    FakeZone.create_from_cloudformation_json = classmethod(_create_zone)
    ResourceMap.build_resource_diff = _diff


def create(client, name: str, template: str, parameters: dict[str, str]):
    """Creates a stack, or says why it could not be."""
    client.create_stack(
        StackName=name,
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = client.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [each["ResourceStatusReason"] for each in events if "ResourceStatusReason" in each]
        raise ValueError(f"{stack['StackStatus']}: {'; '.join(reasons)}")


class Secret(CloudFormationModel):
    """AWS::SecretsManager::Secret, with a generated secret."""

    # moto reads the service from it.
    __module__ = "moto.secretsmanager.models"

    def __init__(self, arn: str):
        self.physical_resource_id = arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecretsManager::Secret"

    @classmethod
    def create_from_cloudformation_json(cls, name, template, account, region, **_):
        backend = get_backend("secretsmanager")[account][region]
        asked = template["Properties"]["GenerateSecretString"]
        generated = backend.get_random_password(
            password_length=int(asked.get("PasswordLength", 32)),
            exclude_characters=asked.get("ExcludeCharacters", ""),
            exclude_numbers=False,
            exclude_punctuation=asked.get("ExcludePunctuation", False),
            exclude_uppercase=False,
            exclude_lowercase=False,
            include_space=False,
            require_each_included_type=True,
        )
        made = backend.create_managed_secret(
            service_name="cloudformation",
            secret_id=name,
            secret_string=_password(generated),
            description=template["Properties"].get("Description"),
        )
        return cls(made.arn)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, **_):
        return original_resource


class Egress(CloudFormationModel):
    """AWS::EC2::SecurityGroupEgress, to another security group."""

    # moto reads the service from it.
    __module__ = "moto.ec2.models"

    physical_resource_id = "egress"

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::EC2::SecurityGroupEgress"

    @classmethod
    def create_from_cloudformation_json(cls, _name, template, account, region, **_):
        rule = template["Properties"]
        get_backend("ec2")[account][region].authorize_security_group_egress(
            group_name_or_id=rule["GroupId"],
            ip_protocol=rule["IpProtocol"],
            from_port=rule["FromPort"],
            to_port=rule["ToPort"],
            ip_ranges=[],
            source_groups=[{"GroupId": rule["DestinationSecurityGroupId"]}],
        )
        return cls()

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, **_):
        return original_resource


class Alarm(CloudFormationModel):
    """AWS::CloudWatch::Alarm, on one metric or on an expression of several."""

    # moto reads the service from it.
    __module__ = "moto.cloudwatch.models"

    def __init__(self, name: str):
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        return "AlarmName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def create_from_cloudformation_json(cls, name, template, account, region, **_):
        asked = template["Properties"]
        queries = [_query(each) for each in asked.get("Metrics", [])]
        get_backend("cloudwatch")[account][region].put_metric_alarm(
            name=name,
            namespace=asked.get("Namespace"),
            metric_name=asked.get("MetricName"),
            comparison_operator=asked["ComparisonOperator"],
            evaluation_periods=asked["EvaluationPeriods"],
            period=asked.get("Period"),
            threshold=float(asked["Threshold"]),
            statistic=asked.get("Statistic"),
            description=asked.get("AlarmDescription"),
            dimensions=asked.get("Dimensions", []),
            alarm_actions=asked.get("AlarmActions", []),
            ok_actions=asked.get("OKActions", []),
            metric_data_queries=queries or None,
            treat_missing_data=asked.get("TreatMissingData"),
        )
        return cls(name)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, **_):
        return original_resource


def _password(generated) -> str:
    """moto's backend answers the call's JSON."""
    return json.loads(generated)["RandomPassword"]


def _dimensions(of: dict) -> list[Dimension]:
    return [Dimension(each["Name"], each["Value"]) for each in of.get("Dimensions", [])]


def _query(asked: dict) -> MetricDataQuery:
    stat = asked.get("MetricStat")
    metric = stat and Metric(
        metric_name=stat["Metric"]["MetricName"],
        namespace=stat["Metric"]["Namespace"],
        dimensions=_dimensions(stat["Metric"]),
    )
    return MetricDataQuery(
        query_id=asked["Id"],
        label=asked.get("Label"),
        period=asked.get("Period"),
        return_data=asked.get("ReturnData", True),
        expression=asked.get("Expression"),
        metric_stat=metric and MetricStat(metric=metric, period=stat["Period"], stat=stat["Stat"], unit=None),
    )


_moto_create_group = FakeAutoScalingGroup.create_from_cloudformation_json.__func__


def _put_hooks(name: str, template: dict, account: str, region: str):
    backend = get_backend("autoscaling")[account][region]
    for each in template["Properties"].get("LifecycleHookSpecificationList", []):
        scaling_api.put_hook(
            backend,
            name,
            each["LifecycleHookName"],
            each["LifecycleTransition"],
            int(each.get("HeartbeatTimeout", scaling_api.DEFAULT_HEARTBEAT)),
            each.get("DefaultResult", scaling_api.ABANDON),
        )


def _create_group(cls, name, template, account, region, **more):
    _put_hooks(name, template, account, region)
    asg = _moto_create_group(cls, name, template, account, region, **more)
    asked = template["Properties"]
    defaults = dict(asked.get("InstanceMaintenancePolicy", {}))
    if "DefaultInstanceWarmup" in asked:
        defaults["InstanceWarmup"] = asked["DefaultInstanceWarmup"]
    Group.of(asg).refresh_defaults = {key: int(value) for key, value in defaults.items()}
    return asg


def _update_group(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    asked = cloudformation_json["Properties"]
    _put_hooks(new_resource_name, cloudformation_json, account_id, region_name)
    original_resource.update(
        availability_zones=[],
        desired_capacity=int(asked["DesiredCapacity"]),
        max_size=int(asked["MaxSize"]),
        min_size=int(asked["MinSize"]),
        launch_config_name="",
        launch_template=asked["LaunchTemplate"],
        vpc_zone_identifier=",".join(asked["VPCZoneIdentifier"]),
        health_check_period=int(asked["HealthCheckGracePeriod"]),
        health_check_type=asked["HealthCheckType"],
    )
    return original_resource


def _create_zone(cls, name, template, account, region, **_):
    vpcs = template["Properties"].get("VPCs", [])
    vpc = vpcs[0] if vpcs else {}
    return get_backend("route53")[account]["aws"].create_hosted_zone(
        name.rstrip(".") + ".",
        private_zone=bool(vpcs),
        vpcid=vpc.get("VPCId"),
        vpcregion=vpc.get("VPCRegion"),
    )


_moto_create_role = Role.create_from_cloudformation_json.__func__


def _create_role(cls, name, template, account, region, **more):
    for each in template["Properties"].get("Policies", []):
        document = each["PolicyDocument"]
        # What is by choice and not chosen is not there (AWS::NoValue).
        document["Statement"] = [one for one in document["Statement"] if one]
        each["PolicyDocument"] = json.dumps(document)
    return _moto_create_role(cls, name, template, account, region, **more)


_moto_diff = ResourceMap.build_resource_diff


def _diff(resources: ResourceMap, template: dict, parameters: dict | None = None) -> dict:
    """A group follows its launch template, whose version it names."""
    found = _moto_diff(resources, template, parameters)
    for name, resource in template["Resources"].items():
        known = name in resources and name not in found["Modify"]
        if known and resource["Type"] == "AWS::AutoScaling::AutoScalingGroup":
            named = json.dumps(resource["Properties"]["LaunchTemplate"])
            if any(f'"{changed}"' in named for changed in found["Modify"]):
                found["Modify"].append(name)
    return found


def _create_load_balancer(cls, name, template, account, region, **_):
    asked = template["Properties"]
    return get_backend("elbv2")[account][region].create_load_balancer(
        name,
        asked.get("SecurityGroups", []),
        asked["Subnets"],
        scheme=asked.get("Scheme", "internet-facing"),
        loadbalancer_type=asked.get("Type", "application"),
    )
