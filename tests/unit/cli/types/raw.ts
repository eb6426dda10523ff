
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

export type Database = {
  
  "public": {
          Tables: {
            "plans": {
                  Row: {
                    "code": string,"meters": (string)[],"note, with } and ;": string | null
                  }
                  ComputedFields: never
                  Insert: {
                    "code": string,"meters"?: (string)[]
                  }
                  Relationships: [
                    {
      foreignKeyName: "plans_fkey"
      columns: ["code", "meters"]
isOneToOne: true
    }
                  ]
                },"empty": {
                  Row: {
                    
                  }
                  Relationships: [
                    
                  ]
                }
          }
          Functions: {
            "f":
{ Args: Record<PropertyKey, never>; Returns: number
                           }
            | { Args: { "a": number }; Returns: {
              "x": number
            }[] }
          }
          Views: {
            [_ in never]: never
          }
        }
}

type DatabaseWithoutInternals = Omit<Database, '__InternalSupabase'>

export type Tables<
  Name extends { schema: keyof DatabaseWithoutInternals },
> = never  

export const Constants = {
  "public": {
          Enums: {
            "status": ["on", "off"]
          }
        },"worker": {
          Enums: {
            
          }
        }
} as const
