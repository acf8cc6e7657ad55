/** `npm run build`: what is deployed. A few large files let a process start with less work; not minified, so that a stack in a log can be read. */
export default {
  input: {
    main: "src/main.ts",
    "ward-main": "src/ward-main.ts",
    preflight: "src/preflight.ts",
    doctor: "src/doctor.ts",
    "user-add": "src/dashboard/user-add.ts",
    "user-end": "src/user-end.ts",
    "audit-verify": "src/audit-verify.ts",
    "sandbox/main": "src/sandbox/main.ts",
  },
  platform: "node",
  tsconfig: false,
  // Bull Board's, with which it looks for its own pages; it is told where they are.
  checks: { eval: false },
  output: { dir: "dist", cleanDir: true, format: "esm", chunkFileNames: "parts/[name]-[hash].js" },
};
