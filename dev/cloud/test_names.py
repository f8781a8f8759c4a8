"""Route 53 and Systems Manager, as far as names for clients go."""

import unittest

from botocore.exceptions import ClientError

from child import Child

DOMAIN = "zk.example.com"


class NamesTest(unittest.TestCase):
    def setUp(self):
        self.cloud = Child()
        self.addCleanup(self.cloud.close)
        self.route53 = self.cloud.client("route53")
        self.zone = self.cloud("hosted_zone", name="example.com")["id"]

    def change(self, *changes: tuple[str, str, str]):
        batch = [
            {
                "Action": action,
                "ResourceRecordSet": {
                    "Name": name, "Type": "A", "TTL": 30, "ResourceRecords": [{"Value": value}]
                },
            }
            for action, name, value in changes
        ]
        return self.route53.change_resource_record_sets(
            HostedZoneId=self.zone, ChangeBatch={"Changes": batch}
        )

    def records(self) -> dict[str, list[str]]:
        return {each["name"]: each["values"] for each in self.cloud("records", zone=self.zone)["records"]}

    def refused(self, *changes):
        with self.assertRaises(ClientError) as caught:
            self.change(*changes)
        self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidChangeBatch")

    def test_a_batch_takes_place_as_a_whole_or_not_at_all(self):
        self.change(("CREATE", DOMAIN, "10.0.0.1"))
        self.refused(("CREATE", "a." + DOMAIN, "10.0.0.2"), ("CREATE", DOMAIN, "10.0.0.2"))
        self.refused(("CREATE", "a." + DOMAIN, "10.0.0.2"), ("DELETE", DOMAIN, "10.0.0.9"))
        self.refused(("DELETE", "b." + DOMAIN, "10.0.0.1"))
        self.assertEqual(self.records(), {DOMAIN: ["10.0.0.1"]})
        self.change(("DELETE", DOMAIN, "10.0.0.1"), ("CREATE", DOMAIN, "10.0.0.2"))
        self.change(("DELETE", DOMAIN, "10.0.0.2"), ("CREATE", DOMAIN, "10.0.0.1"))
        self.assertEqual(self.records(), {DOMAIN: ["10.0.0.1"]})

    def test_calls_are_counted_by_their_names(self):
        self.change(("CREATE", DOMAIN, "10.0.0.1"))
        self.route53.list_resource_record_sets(HostedZoneId=self.zone)
        ssm = self.cloud.client("ssm")
        ssm.put_parameter(Name="/a", Value="b", Type="String")
        ssm.get_parameters(Names=["/a"])
        counted = self.cloud("calls")[self.cloud.started["tester"]["access_key"]]
        for call in (
            "route53:ChangeResourceRecordSets",
            "route53:ListResourceRecordSets",
            "ssm:PutParameter",
            "ssm:GetParameters",
        ):
            self.assertEqual(counted[call], 1, counted)

    def test_a_parameter_counts_its_versions(self):
        ssm = self.cloud.client("ssm")
        self.assertEqual(self.cloud("parameter", name="/a"), {})
        for version in (1, 2):
            put = ssm.put_parameter(Name="/a", Value=str(version), Type="String", Overwrite=version > 1)
            self.assertEqual(put["Version"], version)
        with self.assertRaises(ClientError) as caught:
            ssm.put_parameter(Name="/a", Value="3", Type="String", Overwrite=False)
        self.assertEqual(caught.exception.response["Error"]["Code"], "ParameterAlreadyExists")
        self.assertEqual(self.cloud("parameter", name="/a"), {"value": "2"})

    def test_missing_rights_have_each_services_own_code(self):
        self.cloud("fault", kind="denied")
        for service, call, code in (
            ("route53", lambda c: c.list_resource_record_sets(HostedZoneId=self.zone), "AccessDenied"),
            ("ssm", lambda c: c.get_parameters(Names=["/a"]), "AccessDeniedException"),
        ):
            with self.assertRaises(ClientError) as caught:
                call(self.cloud.client(service))
            self.assertEqual(caught.exception.response["Error"]["Code"], code)


if __name__ == "__main__":
    unittest.main()
