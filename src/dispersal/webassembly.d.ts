/* eslint-disable no-restricted-syntax, @typescript-eslint/no-extraneous-class -- an ambient declaration has no other form */
/** The part of the WebAssembly interface (W3C) that is used here; TypeScript declares it only together with the DOM. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  /** `Exports` is the caller's word for what the module offers. */
  class Instance<Exports> {
    constructor(module: Module);
    readonly exports: Exports;
  }
}
