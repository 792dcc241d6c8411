/** Where a role works. */
export const home = (role: string): string =>
  role === "technician" || role === "admin" ? "/technician" : "/chair";
