"""Where clients look for names: hosted zones of Route 53, parameters of Systems Manager.

moto takes the changes of a batch one by one and compares them with its journal; Route 53 takes all
or none, and compares them with what is there.
"""

from moto.route53.exceptions import ResourceRecordAlreadyExists, Route53ClientError
from moto.route53.models import RecordSet, Route53Backend


def install():
    """Puts the correction into moto's model; a second time changes nothing."""
    Route53Backend.change_resource_record_sets = _change


def records(zone) -> list[dict]:
    """The record sets of a zone, without the last dot of their names."""
    found = [
        {"name": each.name.rstrip("."), "type": each.type, "ttl": int(each.ttl), "values": each.records}
        for each in zone.rrsets
        if each.type not in ("NS", "SOA")
    ]
    return sorted(found, key=lambda each: (each["name"], each["type"]))


def delete(zone, name: str, kind: str):
    """Deletes a record set, whatever its values."""
    zone.rrsets = [each for each in zone.rrsets if (each.name.rstrip("."), each.type) != (name, kind)]


def _change(backend: Route53Backend, zoneid: str, change_list: list[dict]):
    zone = backend.get_hosted_zone(zoneid)
    there = {(each.name.rstrip("."), each.type): each for each in zone.rrsets}
    for change in change_list:
        wanted = dict(change["ResourceRecordSet"])
        wanted["Name"] = wanted["Name"].rstrip(".") + "."
        wanted["ResourceRecords"] = [each["Value"] for each in wanted["ResourceRecords"]]
        wanted = RecordSet(wanted)
        key = (wanted.name.rstrip("."), wanted.type)
        match change["Action"]:
            case "CREATE" if key in there:
                raise ResourceRecordAlreadyExists(name=wanted.name, _type=wanted.type)
            case "DELETE" if not _same(there.get(key), wanted):
                raise Route53ClientError(
                    "InvalidChangeBatch",
                    f"Tried to delete resource record set [name='{wanted.name}', type='{wanted.type}'] "
                    "but it was not found, or its values do not match",
                )
            case "DELETE":
                del there[key]
            case _:
                there[key] = wanted
    zone.rrsets = list(there.values())


def _same(present: RecordSet | None, wanted: RecordSet) -> bool:
    return (
        present is not None
        and sorted(present.records) == sorted(wanted.records)
        and int(present.ttl) == int(wanted.ttl)
    )
