import type { Measurements } from "./measurement.ts";

/** One row of the table in `docs/gas.md`. */
interface Row {
  readonly function: string;
  readonly who: string;
  /** The case in the snapshot. */
  readonly name: string;
  /** Of the protocol's section 9. */
  readonly bar?: number;
  readonly espresso?: string;
}

const POSTER = "relayer, anyone";
const STAKER = "staker";
const OPERATOR = "operator";
const ROLLUP = "rollup";
const ANYONE = "anyone";

const advance = (shape: string, what: string, bar?: number, espresso?: string): Row => ({
  function: `\`LightClient.advance\`, ${what}`,
  who: POSTER,
  name: `LightClient.advance/validators=${shape}`,
  ...(bar === undefined ? {} : { bar }),
  ...(espresso === undefined ? {} : { espresso }),
});
const table = (call: string, who: string, shape = "", what = "", bar?: number, espresso?: string): Row => ({
  function: `\`StakeTable.${call}\`${what === "" ? "" : `, ${what}`}`,
  who,
  name: `StakeTable.${call}${shape}`,
  ...(bar === undefined ? {} : { bar }),
  ...(espresso === undefined ? {} : { espresso }),
});
const other = (name: string, who: string, label: string, bar?: number, espresso = "not there"): Row => ({
  function: label,
  who,
  name,
  espresso,
  ...(bar === undefined ? {} : { bar }),
});

const LIGHT_CLIENT: readonly Row[] = [
  advance("100/absent=0", "100 validators, none absent", 178_000, "499,764 (contract call, SNARK)"),
  advance("100/absent=10", "… 10 absent, keys in two pages", 190_000),
  advance("100/absent=33", "… 33 absent, keys in two pages", 214_000),
  advance("100/absent=10/pages=1", "… 10 absent, one page", 190_000),
  advance("100/absent=33/pages=1", "… 33 absent, one page", 214_000),
  advance("100/absent=10/pages=4", "… 10 absent, four pages"),
  advance("100/absent=33/pages=4", "… 33 absent, four pages"),
  advance("100/absent=0/roster=older", "… none absent, roster in an older committee's code", 178_000),
  advance("100/absent=10/roster=older", "… 10 absent, the same", 190_000),
  advance("100/absent=33/roster=older", "… 33 absent, the same", 214_000),
  advance("100/absent=0/ring", "… with a ring entry, none absent"),
  advance("100/absent=10/ring", "… with a ring entry, 10 absent"),
  advance("100/absent=33/ring", "… with a ring entry, 33 absent"),
  advance("100/absent=0/handover", "handover to another committee, 100 validators"),
  advance("100/first", "the first, 100 validators"),
  advance("20/absent=0", "20 validators, none absent"),
  advance("20/absent=6", "… 6 absent"),
  advance("20/absent=0/ring", "… with a ring entry, none absent"),
  advance("20/absent=6/ring", "… with a ring entry, 6 absent"),
  advance("20/first", "the first, 20 validators"),
  advance("4/absent=0", "4 validators, none absent"),
  advance("4/absent=1", "… 1 absent"),
  advance("4/absent=0/ring", "… with a ring entry, none absent"),
  advance("4/absent=1/ring", "… with a ring entry, 1 absent"),
  advance("4/first", "the first, 4 validators"),
  other("LightClient.freeze/validators=100/absent=0", ANYONE, "`LightClient.freeze`, 100 validators"),
  other("LightClient.resume/validators=100/absent=0", ANYONE, "`LightClient.resume`, 100 validators"),
  other("LightClient.applyResume", ANYONE, "`LightClient.applyResume`"),
  other("LightClient.reportSlashed/seats=34", ANYONE, "`LightClient.reportSlashed`, 34 seats"),
];

const SLASHER: readonly Row[] = [
  other("Slasher.slash/pair", ANYONE, "`Slasher.slash`, a pair of votes", 260_000),
  other("Slasher.slash/pair/shared", ANYONE, "… the next one, whose record shares a slot", 260_000),
  other("Slasher.slash/pair/left", ANYONE, "… with an own slot, of a pool that stake just left"),
  other("Slasher.slash/first", ANYONE, "… the first one ever"),
  other("Slasher.slashSigner/validators=100", ANYONE, "`Slasher.slashSigner`, certificate of 100 and one vote"),
  other(
    "Slasher.slashSigners/signers=32",
    ANYONE,
    "`Slasher.slashSigners`, certificates of 100, 32 signers: a full call",
  ),
  other("Slasher.slashSigners/signers=34", ANYONE, "… 34 signers, in two calls"),
  other("Slasher.slashSigners/signers=100", ANYONE, "… 100 signers, in four calls"),
  other("Slasher.settle", ANYONE, "`Slasher.settle`"),
  other("StakeTable.redeem", ANYONE, "`StakeTable.redeem`, pushes a payout of a settled pool"),
  other("StakeTable.withdraw/slashed", ANYONE, "`StakeTable.withdraw` of a liable ticket, pushed"),
];

const STAKE_TABLE: readonly Row[] = [
  table("register", OPERATOR, "", "with proof of possession", 330_000, "about 300,000, one of two signatures checked"),
  table("seal", POSTER, "/keys=1", "a page of 1, per key"),
  table("seal", POSTER, "/keys=10", "a page of 10, per key"),
  table("seal", POSTER, "/keys=40", "a page of 40, per key", 50_000),
  table("seal", POSTER, "/keys=100", "a page of 100, per key", 50_000),
  table("rotate", POSTER, "/validators=100/changed=0", "100 seats, unchanged", 300_000, "no committee on L1"),
  table("rotate", POSTER, "/validators=100/changed=0/weights", "100 seats, other weights", 300_000),
  table("rotate", POSTER, "/validators=100/changed=10", "100 seats, 10 changed", 350_000),
  table("rotate", POSTER, "/validators=100/first", "the first, 100 seats"),
  table("rotate", POSTER, "/validators=20/changed=0", "20 seats, unchanged"),
  table("rotate", POSTER, "/validators=20/first", "the first, 20 seats"),
  table("rotate", POSTER, "/validators=4/changed=0", "4 seats, unchanged"),
  table("rotate", POSTER, "/validators=4/first", "the first, 4 seats"),
  table("delegate", STAKER, "", "the first to this validator"),
  table("delegate", STAKER, "/again", "again"),
  table("delegateWithPermit", STAKER, "", "permit refused, allowance there"),
  table("undelegate", STAKER, "/first", "the first out of a pool in a window"),
  table("undelegate", STAKER),
  table("transferTicket", STAKER),
  table("withdraw", ANYONE),
  table("redelegate", STAKER, "/first", "the first between two pools in a window"),
  table("redelegate", STAKER),
  table("release", ANYONE, "/first", "to an owner without shares"),
  table("release", ANYONE),
  table("reward", ANYONE, "/first", "begins a stream"),
  table("reward", ANYONE),
  table("accrue", ANYONE),
  table("takeSeat", OPERATOR, "", "a free one"),
  table("takeSeat", OPERATOR, "/displacing", "displacing"),
  table("leaveSeat", OPERATOR),
  table("setCommission", OPERATOR, "/decrease", "decrease"),
  table("setCommission", OPERATOR, "/increase", "increase"),
  table("setNetwork", OPERATOR),
  table("setMetadata", OPERATOR),
  table("proveKey", OPERATOR),
  table("rotateKey", OPERATOR),
  table("exit", OPERATOR, "", "with a seat and a queued key"),
  table("queueParameter", "governance"),
  table("cancelParameter", "governance"),
  table("applyParameter", ANYONE),
  table("pause", "guardian"),
  table("unpause", "guardian"),
];

const LATER = "a million blocks later";
const ROLLUPS: readonly Row[] = [
  other("ConfirmationVerifier.block/blocks=1000000", ROLLUP, `\`ConfirmationVerifier.verifyBlock\`, ${LATER}`),
  other("ConfirmationVerifier.namespace/blocks=1000000", ROLLUP, `\`….verifyNamespace\`, ${LATER}`, 60_000),
  other("ConfirmationVerifier.absence/blocks=1000000", ROLLUP, `\`….verifyAbsence\`, ${LATER}`),
  other("ConfirmationVerifier.transaction/blocks=1000000", ROLLUP, `\`….verifyTransaction\`, ${LATER}`),
  other(
    "ConfirmationVerifier.allTransactions/blocks=1000000",
    ROLLUP,
    `\`….verifyAllTransactions\`, 100 of 118 bytes, ${LATER}`,
  ),
  other(
    "Confirmation.namespace/blocks=1000000/execution",
    ROLLUP,
    "`verifyNamespace` inside a caller, execution only",
    35_000,
  ),
  other("Confirmation.transaction/blocks=1000000/execution", ROLLUP, "`verifyTransaction` inside a caller, the same"),
  other("ConfirmedInbox.post", ROLLUP, "`ConfirmedInbox.post`, the next batch"),
  other("SequencedInbox.record", ROLLUP, "`SequencedInbox.record`, with an entry of the queue"),
  other("Inbox.enqueue/bytes=100", "user", "`enqueue` of either inbox, 100 bytes"),
  other("Inbox.openHatch", ANYONE, "`openHatch`"),
  other("Inbox.includeQueue", ANYONE, "`SequencedInbox.includeQueue`"),
  other("Inbox.armHatch", ANYONE, "`armHatch`"),
  other("Inbox.closeHatch", ANYONE, "`closeHatch`"),
];

const ROWS: readonly Row[] = [...LIGHT_CLIENT, ...SLASHER, ...STAKE_TABLE, ...ROLLUPS];
const BEGIN = "<!-- begin: written by npm run gas -->";
const END = "<!-- end -->";

/** Cases that no row shows. */
export function unlisted(measured: Measurements): string[] {
  const listed = new Set(ROWS.map(({ name }) => name));
  return Object.keys(measured).filter((name) => !listed.has(name));
}

/** `docs/gas.md` with its table anew. */
export function withTable(document: string, measured: Measurements): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from < 0 || to < from) throw new Error("docs/gas.md has no place for the table");
  return `${document.slice(0, from)}${BEGIN}\n\n${render(measured)}\n\n${document.slice(to)}`;
}

function render(measured: Measurements): string {
  const head = [
    "| function | who calls it | gas | bar | Glamsterdam | Espresso, where known |",
    "| --- | --- | ---: | ---: | ---: | ---: |",
  ];
  const rows = ROWS.map((row) => {
    const price = measured[row.name];
    if (price === undefined) throw new Error(`${row.name} was not measured`);
    const { osaka, glamsterdam } = price;
    const later = glamsterdam === undefined ? "" : grouped(glamsterdam);
    return `| ${[row.function, row.who, grouped(osaka), barOf(row, osaka), later, row.espresso ?? ""].join(" | ")} |`;
  });
  return [...head, ...rows].join("\n");
}

function barOf({ bar }: Row, gas: number): string {
  if (bar === undefined) return "";
  return gas <= bar ? grouped(bar) : `${grouped(bar)}, **missed**`;
}

function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}
