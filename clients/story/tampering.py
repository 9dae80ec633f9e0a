"""One byte of a stored receipt, history and quote is changed; `tally verify` says what is wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from clients.story import financing
from clients.story.stage import Facts, Stage
from ledger.errors import VerificationError

FILES = (financing.RECEIPT_FILE, financing.HISTORY_FILE, financing.QUOTE_FILE)


def play(stage: Stage) -> Facts:
    """The files as they are, then with one byte changed."""
    with stage.chapter("Tampering: one byte of each stored proof is changed") as facts:
        originals = [stage.evidence / name for name in FILES]
        refusals = [
            stage.evidence / name for name in (financing.SECOND_FINANCE_FILE, financing.SECOND_INVOICE_FILE)
        ]
        checks = ThreadPoolExecutor(1)
        as_they_are = checks.submit(stage.check_offline, *originals, *refusals)
        tampered, changes = [], []
        for original in originals:
            content = bytearray(original.read_bytes())
            place = len(content) // 2
            content[place] ^= 0x01
            copy = stage.folder / "tampered" / original.name
            copy.write_bytes(content)
            tampered.append(copy)
            changes.append(
                f"byte {place} of {len(content)}, {content[place] ^ 1:#04x} → {content[place]:#04x}"
            )
        changed = stage.check_offline(*tampered)
        code, answers = as_they_are.result()
        if code:
            broken = next(answer for answer in answers if not answer["proved"])
            raise VerificationError(f"{broken['file']} does not verify", found=str(broken["error"])[:300])
        stage.done(f"as they are, all {len(answers)} proofs verify: exit code 0")
        code, answers = changed
        facts["exit_code"] = code
        facts["files"] = []
        for change, answer in zip(changes, answers, strict=True):
            if answer["proved"] or code != 1:
                raise VerificationError("a changed file was accepted", field=answer["file"])
            error = answer["error"]
            stage.done(f"{answer['file']}: refused [{error['code']}]")
            stage.say(f"{change}: {error_sentence(error)}")
            facts["files"].append({"file": answer["file"], "change": change, "error": error})
    return facts


def error_sentence(error: Facts) -> str:
    """An error's message with where it was and what was found."""
    parts = [error["message"]]
    parts += [f"{name} {str(error[name])[:70]}" for name in ("field", "found", "expected") if name in error]
    return "; ".join(parts)
