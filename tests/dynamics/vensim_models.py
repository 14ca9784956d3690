"""Vensim texts written for the tests of the reader."""

CONTROL = """
********************************************************
	.Control
********************************************************~
		Simulation Control Parameters
	|
FINAL TIME  = 4 ~ Year ~ The final time. |
INITIAL TIME  = 0 ~ Year ~ |
SAVEPER  = TIME STEP * 2 ~ Year [0,?] ~ |
TIME STEP  = 0.25 ~ Year [0,?] ~ |

\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
"""

POPULATION = """{UTF-8}
age: infant, (cohort1-cohort3) ~ ~ Age groups. |
older: (cohort1-cohort3) ~ ~ |
younger: infant, cohort1, cohort2 -> older ~ ~ |
population[infant]= INTEG (births-ageing[infant], 10) ~ person ~ People, youngest. |
population[older]= INTEG (
	ageing[younger]-ageing[older],
		initial population[older]) ~ person ~ People. |
initial population[age]= 10, 20, 30, 40 ~ person ~ |
ageing[age]= population[age]/mean stay ~ person/Year ~ |
mean stay = 5 ~ Year [1,10] ~ |
births = 2 ~ person/Year ~ |
total population = SUM(population[age!]) ~ person ~ |
oldest share = XIDZ(population[cohort3], total population, 0) ~ Dmnl ~ |
largest = VMAX(population[age!]) ~ ~ |
groups = ELMCOUNT(age) ~ ~ |
"""

FUNCTIONS = """{UTF-8}
:MACRO: HALFWAY(a, b)
HALFWAY = (a + b) / 2 ~ ~ |
:END OF MACRO:
effect(
	[(0,0)-(4,10)],(0,1),(2,5),(4,\\
		5)) ~ ~ |
looked up = effect(Time) ~ ~ |
with = WITH LOOKUP (Time, ([(0,0)-(4,4)],(0,0),(4,8))) ~ ~ |
window = PULSE(1, 1) + 10*PULSE TRAIN(0, 0.25, 2, 3) ~ ~ |
rising = RAMP(2, 1, 3) + STEP(5, 2) ~ ~ |
logic = IF THEN ELSE(Time > 1 :AND: :NOT: Time >= 3 :OR: Time = 4, 1, 0) ~ ~ |
middle = HALFWAY(Time, 10) ~ ~ |
"quoted | ~ name" = MODULO(7, 4) + QUANTUM(7.9, 2) + LOG(8, 2) + INTEGER(-1.5) ~ ~ |
missing = IF THEN ELSE(Time > 9, :NA:, 3) ~ ~ |
late = DELAY FIXED(Time, 1, -1) ~ ~ |
kept = SAMPLE IF TRUE(Time < 2, Time, 0) ~ ~ |
start value = INITIAL(Time + 7) ~ ~ |
first = ACTIVE INITIAL(Time + 1, 100) ~ ~ |
built on it = INTEG(0, first) ~ ~ |
matrix[row, column] = 2, 1; 1, 3; ~ ~ |
row: r1, r2 ~ ~ |
column: c1, c2 ~ ~ |
inverse[row, column] = INVERT MATRIX(matrix[row, column], 2) ~ ~ |
excepted[row, column] :EXCEPT: [r1, c2] = 1 ~ ~ |
excepted[r1, c2] = 9 ~ ~ |
table[row, column] = TABBED ARRAY(1	2
	3	4) ~ ~ |
order[row] = VECTOR SORT ORDER(falling[row], 1) ~ ~ |
falling[row] = 5, 4 ~ ~ |
check :THE CONDITION: missing = 3 :IMPLIES: late = 0 ~ ~ |
"""
