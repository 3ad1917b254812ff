import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

/** The stake token of networks whose stake is worth nothing: anyone may mint it. */
export default buildModule("DevelopmentToken", (m) => ({ token: m.contract("DevelopmentToken") }));
