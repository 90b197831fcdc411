# Small functions with their tests, written by hand. The test set of the code task: a model is given
# each function up to its description, and what it writes must pass the asserts.


def double_sum(a, b):
    """Return twice the sum of a and b."""
    return 2 * (a + b)
# test
assert double_sum(2, 3) == 10
assert double_sum(-1, 1) == 0


def is_odd(n):
    """Tell whether n is an odd number."""
    return n % 2 == 1
# test
assert is_odd(7)
assert not is_odd(0)


def last_word(text):
    """Return the last word of the text."""
    return text.split()[-1]
# test
assert last_word("good old days") == "days"
assert last_word("one") == "one"


def celsius(fahrenheit):
    """Convert a temperature from Fahrenheit to Celsius."""
    return (fahrenheit - 32) * 5 / 9
# test
assert celsius(212) == 100
assert celsius(32) == 0


def count_vowels(word):
    """Count the letters a, e, i, o and u in the word."""
    return sum(letter in "aeiou" for letter in word)
# test
assert count_vowels("banana") == 3
assert count_vowels("rhythm") == 0


def without_spaces(text):
    """Return the text without its spaces."""
    return text.replace(" ", "")
# test
assert without_spaces("a b c") == "abc"
assert without_spaces("") == ""


def second(items):
    """Return the second item of the list."""
    return items[1]
# test
assert second([4, 5, 6]) == 5
assert second("xy") == "y"


def average(numbers):
    """Return the average of the numbers."""
    return sum(numbers) / len(numbers)
# test
assert average([1, 2, 3]) == 2
assert average([5]) == 5


def is_palindrome(word):
    """Tell whether the word reads the same backwards."""
    return word == word[::-1]
# test
assert is_palindrome("level")
assert not is_palindrome("lever")


def larger(a, b):
    """Return the larger of a and b."""
    return max(a, b)
# test
assert larger(3, 9) == 9
assert larger(4, -4) == 4


def positive(numbers):
    """Return the numbers that are greater than zero."""
    return [n for n in numbers if n > 0]
# test
assert positive([-1, 2, 0, 3]) == [2, 3]
assert positive([]) == []


def shout(text):
    """Return the text in capital letters with an exclamation mark."""
    return text.upper() + "!"
# test
assert shout("stop") == "STOP!"
assert shout("") == "!"


def minutes(hours):
    """Return how many minutes there are in so many hours."""
    return hours * 60
# test
assert minutes(2) == 120
assert minutes(0) == 0


def factorial(n):
    """Return the product of the numbers from 1 to n."""
    product = 1
    for i in range(2, n + 1):
        product *= i
    return product
# test
assert factorial(5) == 120
assert factorial(0) == 1


def unique(items):
    """Return the sorted items, each of them once."""
    return sorted(set(items))
# test
assert unique([3, 1, 3]) == [1, 3]
assert unique([]) == []


def longest(words):
    """Return the longest of the words."""
    return max(words, key=len)
# test
assert longest(["a", "abc", "ab"]) == "abc"
assert longest(["x"]) == "x"


def initials(name):
    """Return the first letters of all words of the name."""
    return "".join(word[0] for word in name.split())
# test
assert initials("Ada Maria King") == "AMK"
assert initials("Bo") == "B"


def swap(pair):
    """Return the pair with its two items exchanged."""
    first, second = pair
    return (second, first)
# test
assert swap((1, 2)) == (2, 1)
assert swap(("a", 0)) == (0, "a")


def is_leap_year(year):
    """Tell whether the year has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
# test
assert is_leap_year(2024)
assert is_leap_year(2000)
assert not is_leap_year(1900)


def every_third(items):
    """Return every third item of the list, beginning with the first."""
    return items[::3]
# test
assert every_third([1, 2, 3, 4, 5, 6, 7]) == [1, 4, 7]
assert every_third([]) == []


def area(width, height):
    """Return the area of a rectangle."""
    return width * height
# test
assert area(3, 4) == 12
assert area(0, 9) == 0


def contains_digit(text):
    """Tell whether there is a digit in the text."""
    return any(letter.isdigit() for letter in text)
# test
assert contains_digit("room 7")
assert not contains_digit("room")


def squares_until(n):
    """Return the squares of the numbers from 1 to n."""
    return [i * i for i in range(1, n + 1)]
# test
assert squares_until(4) == [1, 4, 9, 16]
assert squares_until(0) == []


def join_lines(lines):
    """Join the lines with line feeds."""
    return "\n".join(lines)
# test
assert join_lines(["a", "b"]) == "a\nb"
assert join_lines([]) == ""


def greet(name):
    """Return a greeting for the name, such as Hello, Tom!"""
    return f"Hello, {name}!"
# test
assert greet("Tom") == "Hello, Tom!"
assert greet("Anna") == "Hello, Anna!"


def between(n, low, high):
    """Tell whether n lies between low and high, both included."""
    return low <= n <= high
# test
assert between(5, 1, 5)
assert not between(0, 1, 5)


def smallest_difference(a, b):
    """Return how far a and b lie apart."""
    return abs(a - b)
# test
assert smallest_difference(3, 10) == 7
assert smallest_difference(10, 3) == 7


def middle(items):
    """Return the item in the middle of a list of odd length."""
    return items[len(items) // 2]
# test
assert middle([1, 2, 3]) == 2
assert middle([8]) == 8


def repeat(text, times):
    """Return the text as many times in a row."""
    return text * times
# test
assert repeat("ab", 3) == "ababab"
assert repeat("x", 0) == ""


def count_words(text):
    """Count the words of the text."""
    return len(text.split())
# test
assert count_words("three little pigs") == 3
assert count_words("  ") == 0


def ends_with_s(word):
    """Tell whether the word ends with the letter s."""
    return word.endswith("s")
# test
assert ends_with_s("cats")
assert not ends_with_s("cat")


def total_price(price, number):
    """Return what so many things of this price cost."""
    return price * number
# test
assert total_price(3, 5) == 15
assert total_price(2, 0) == 0


def remainder(a, b):
    """Return what is left when a is divided by b."""
    return a % b
# test
assert remainder(17, 5) == 2
assert remainder(10, 5) == 0


def only_letters(text):
    """Return the text with everything removed that is no letter."""
    return "".join(letter for letter in text if letter.isalpha())
# test
assert only_letters("a1-b2") == "ab"
assert only_letters("12") == ""


def rotate(items):
    """Move the first item of the list to its end."""
    return items[1:] + items[:1]
# test
assert rotate([1, 2, 3]) == [2, 3, 1]
assert rotate([]) == []


def cube(n):
    """Return n to the power of three."""
    return n ** 3
# test
assert cube(3) == 27
assert cube(-2) == -8


def lengths(words):
    """Return the length of each of the words."""
    return [len(word) for word in words]
# test
assert lengths(["a", "bcd"]) == [1, 3]
assert lengths([]) == []


def common(first, second):
    """Return the sorted items that are in both lists."""
    return sorted(set(first) & set(second))
# test
assert common([1, 2, 3], [3, 2, 9]) == [2, 3]
assert common([1], []) == []


def sign(n):
    """Return 1 for a positive number, -1 for a negative one, and 0 for zero."""
    if n > 0:
        return 1
    if n < 0:
        return -1
    return 0
# test
assert sign(12) == 1
assert sign(-3) == -1
assert sign(0) == 0


def capitalize_all(words):
    """Return the words, each with a capital first letter."""
    return [word.capitalize() for word in words]
# test
assert capitalize_all(["red", "blue"]) == ["Red", "Blue"]
assert capitalize_all([]) == []


def digits_sum(n):
    """Return the sum of the digits of n."""
    return sum(int(digit) for digit in str(n))
# test
assert digits_sum(345) == 12
assert digits_sum(0) == 0


def first_half(text):
    """Return the first half of the text."""
    return text[:len(text) // 2]
# test
assert first_half("abcd") == "ab"
assert first_half("") == ""


def invert(mapping):
    """Exchange the keys and the values of the dictionary."""
    return {value: key for key, value in mapping.items()}
# test
assert invert({"a": 1}) == {1: "a"}
assert invert({}) == {}


def is_prime(n):
    """Tell whether n is a prime number."""
    return n > 1 and all(n % i for i in range(2, n))
# test
assert is_prime(13)
assert not is_prime(9)
assert not is_prime(1)


def evens(numbers):
    """Count how many of the numbers are even."""
    return sum(n % 2 == 0 for n in numbers)
# test
assert evens([1, 2, 4]) == 2
assert evens([]) == 0


def power_of_two(n):
    """Return 2 to the power of n."""
    return 2 ** n
# test
assert power_of_two(10) == 1024
assert power_of_two(0) == 1


def starts_alike(a, b):
    """Tell whether both words begin with the same letter."""
    return a[0] == b[0]
# test
assert starts_alike("apple", "arm")
assert not starts_alike("apple", "pear")


def flatten(lists):
    """Join the lists to one."""
    return [item for items in lists for item in items]
# test
assert flatten([[1], [2, 3]]) == [1, 2, 3]
assert flatten([]) == []


def perimeter(side):
    """Return the perimeter of a square."""
    return 4 * side
# test
assert perimeter(5) == 20
assert perimeter(0) == 0


def discount(price, percent):
    """Return the price after so many percent have been taken off."""
    return price - price * percent / 100
# test
assert discount(200, 10) == 180
assert discount(50, 0) == 50


def fibonacci(n):
    """Return the n-th Fibonacci number, beginning with 0 and 1."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
# test
assert fibonacci(0) == 0
assert fibonacci(10) == 55


def occurrences(items, item):
    """Count how often the item is in the list."""
    return items.count(item)
# test
assert occurrences([1, 2, 1], 1) == 2
assert occurrences([], 5) == 0


def clamp(n, low, high):
    """Return n, but not less than low and not more than high."""
    return max(low, min(n, high))
# test
assert clamp(15, 0, 10) == 10
assert clamp(-1, 0, 10) == 0
assert clamp(4, 0, 10) == 4


def is_empty(items):
    """Tell whether the list has no items."""
    return len(items) == 0
# test
assert is_empty([])
assert not is_empty([0])


def by_length(words):
    """Return the words sorted by length."""
    return sorted(words, key=len)
# test
assert by_length(["abc", "a", "ab"]) == ["a", "ab", "abc"]
assert by_length([]) == []


def third_letter(word):
    """Return the third letter of the word."""
    return word[2]
# test
assert third_letter("house") == "u"
assert third_letter("cat") == "t"


def seconds(minutes):
    """Return how many seconds there are in so many minutes."""
    return minutes * 60
# test
assert seconds(3) == 180
assert seconds(0) == 0


def range_width(numbers):
    """Return the largest number minus the smallest."""
    return max(numbers) - min(numbers)
# test
assert range_width([4, 9, 1]) == 8
assert range_width([5]) == 0


def dashes(word):
    """Return the letters of the word with dashes between them."""
    return "-".join(word)
# test
assert dashes("abc") == "a-b-c"
assert dashes("x") == "x"


def all_equal(items):
    """Tell whether all items of the list are equal."""
    return len(set(items)) <= 1
# test
assert all_equal([2, 2, 2])
assert all_equal([])
assert not all_equal([1, 2])


def subtract_seven(n):
    """Return n minus 7."""
    return n - 7
# test
assert subtract_seven(10) == 3
assert subtract_seven(0) == -7


def add_tax(price):
    """Return the price plus 19 percent."""
    return price * 119 / 100
# test
assert add_tax(100) == 119
assert add_tax(0) == 0
