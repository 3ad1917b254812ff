/** Something that must never happen, and did. */
export interface Violation {
  readonly property: "agreement" | "validity" | "slashable" | "accountability" | "memory" | "fault" | "slander";
  readonly detail: string;
}
