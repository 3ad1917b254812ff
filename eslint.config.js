import tseslint from "typescript-eslint";

const NO_PROCESS = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: "read the environment in config tables and main files only",
};

export default tseslint.config(
  {
    ignores: [
      "node_modules",
      "artifacts",
      "cache",
      "types",
      "coverage",
      "out-forge",
      "cache-forge",
      "data",
      "test/snapshots",
    ],
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-redeclare": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      eqeqeq: "error",
      "no-console": "error",
      "no-restricted-syntax": [
        "error",
        "TSEnumDeclaration",
        "TSModuleDeclaration[kind='namespace']",
        "TSParameterProperty",
      ],
      "prefer-const": "error",
    },
  },
  {
    files: ["src/**/*.ts", "relayer/**/*.ts"],
    ignores: [
      "src/codec/**",
      "src/protocol/scalars.ts",
      "src/protocol/{Certificate,Proposal}.ts",
      "src/crypto/hash.ts",
    ],
    rules: { "@typescript-eslint/consistent-type-assertions": ["error", { assertionStyle: "never" }] },
  },
  {
    files: ["src/{consensus,dispersal,mempool,lightclient,protocol,codec}/**/*.ts"],
    rules: {
      "no-restricted-globals": ["error", "Date", "setTimeout", "setInterval", "fetch", "performance", "crypto"],
      "no-restricted-syntax": [
        "error",
        "TSEnumDeclaration",
        "TSModuleDeclaration[kind='namespace']",
        "TSParameterProperty",
        NO_PROCESS,
      ],
    },
  },
  {
    files: ["test/**/*.ts", "scripts/**/*.ts", "deploy/**/*.ts"],
    rules: {
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unused-expressions": "off",
      "no-console": "off",
    },
  },
);
